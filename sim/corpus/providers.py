"""Companies that give mailboxes to anybody, in 2002 or today: a reply to a forged address there finds a server that answers."""

from __future__ import annotations

from typing import Final

__all__ = ["LARGE_PROVIDERS"]

_PROVIDERS: Final = """
126.com 163.com aim.com aol.com att.net bellsouth.net bigpond.com btinternet.com charter.net comcast.net compuserve.com cox.net
daum.net earthlink.net excite.com fastmail.com free.fr freenet.de gmail.com gmx.at gmx.ch gmx.com gmx.de gmx.net googlemail.com
hanmail.net hotmail.co.uk hotmail.com hotmail.fr icloud.com iname.com juno.com laposte.net libero.it live.com lycos.com mac.com
mail.com mail.ru me.com msn.com naver.com netscape.net netzero.net orange.fr outlook.com prodigy.net proton.me protonmail.com qq.com
rediffmail.com rocketmail.com rogers.com sbcglobal.net shaw.ca sina.com sohu.com sympatico.ca t-online.de terra.com.br tiscali.it
uol.com.br verizon.net virgilio.it wanadoo.fr web.de xtra.co.nz yahoo.ca yahoo.co.in yahoo.co.jp yahoo.co.uk yahoo.com yahoo.com.br
yahoo.de yahoo.es yahoo.fr yandex.ru ymail.com zoho.com
"""
LARGE_PROVIDERS: Final = frozenset(_PROVIDERS.split())
