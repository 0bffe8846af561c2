"""Files that torch 2.13 wrote, packed: zlib, then base85."""

import base64
import zlib

__all__ = ["LEGACY", "MODERN"]

# Made by torch.save of what tests/core/test_serialization.py expects to read, with 'weight' and the like drawn after
# torch.manual_seed(0); LEGACY with _use_new_zipfile_serialization=False.

MODERN = zlib.decompress(
    base64.b85decode(
        "c-qC9349dQ9mi*r5W>n0aw*8AhAZrmJt9crf{C(#VL%87u9MwKcEe_O|8Hjl0aH*(I8;Q%0~Bv<J&QfG78S2j+p4WrEwohe=wY>rrL9&"
        "i_Pzg`ot*<n*!1&ZKkPL-zwiI|-uu7*ym_HESXd+oB_)F8(O(!SNF*GMwa8N=k|LF*R>Z3VeTAil$GU<x5K8NcsUV`XrsOo(+MuAcjzW"
        "d{WHJtgVI@f^Wuc4`i>K`&BG+eP@kmIK6X_%gwYcn1R9afslb)ZZXG)DS^xzVEfa(|UV|FO6v(Zx=(6g?PzK2s8C<zuR&})8B2o|-2J!"
        "or(Q#OUe$#`52E3srEZNG>_WFkjq#lngmdQT9cj{<!~=vUW+5;C!b;)niG8a%26Y*l0}-~bHhgn>~EG)N6Jm<2j@Q<U+BC@@rnVc1y24"
        "L9IsMkS)*Mj*}wr*YirDsCjhjpDd76c{bS7_>)mPA`l#@D@aqMA3lb5a@>S9C)S*Jc|L(=D<<~=<CER(Cvar2H=H>9Bwk=%3%t}m8rO?"
        "4CmlDrvfe!+*zEr9Lf#2Imtw$#`7T0176PasXRa9RdC)p3QQAWI*xrqJSnjjpKBmqAjKOr;tV8up^_7;RN{Gz7~sU23d|DW{5qD-^;u-"
        "Kag3|^VGUb@SRY)#u@|b?*$f-x*f|Q!6=7b^DDBCM3{-?_$XZ1DVLnHSDsllsF679I6<8#~;vACpW}N{!E19W}=hATrGAm#yXI`Q*moe"
        "sY&b(BCkO-I6^<onw*_?{Yt0+}6<|IFE^jlw7z*5}-VGfU|aGAjyIJ{ATs0gt-dk*e&`Jw4(bd&WJ9PflU$2Y6^1j8peKBWMNKr&cKnk"
        "9wARzaGxqqSV`0)^^(E0AIO!eCJcv;>QSwhmay8LJd%6=5}6REU&Fr;=$o0&B9EsH(pl;|B{npe<-)nD21?S_RgLa0ObRbtKcAfGf?~t"
        "L9TlVLPm64QS`O4h1%duo1IPUX_v(5gK)q(YzZrQ$T?NS99|P9dHf(K+RvvAzKu<PK2#Ex#Z@Q(hAob3FUADB?t=K$Or<nzm0+@;U-SF"
        "S%F(bxE1ZE!%|!#uw6xXIKl%vD8i<|Z4@zK0+-#cz)lhFz#<lxr3Sdu7}pDTap!llxCQNS4;!|7H=_7H1@0H&0Zh4+M5Ja}kqLbF7&Tu"
        "z!w%mw2JyjzJjg?8kcU~2N4UdB6?ja9@AHVeHo)T|`~X|oK$5HF1pF{+qWR%Ryq!O0Gzxlxy*$ZjKT+T*5q`?Q?A`!Ri|~v(WfD!9MoE"
        "$3Srw<wiwfAo%{`}@d!FH5;Di_3;3e!kCWoJGOe?Tggr8$FBxH)C*H3ua;LqiNUvS_rSvFDDuNd_e4t%u@Uc+k~Rl~0t?>8d6j(L%aOR"
        ")sJu^fI|8nn&+mOkcAw#`lrunDubetP8F&Bb`(wr%c}y@prSRDQ`nZQL{uT`Dr2C2u1C#Ru*1RyY(+M&xkXE+^OrJG_k+rF!@sc5$3GA"
        "mN049k5@7--kmXHj?yEC}dZwfF1r&Q+bF-si{%}cfbJ={y2fP?H$@gn(gnhw_xE0I9SR*u}bis0hpHQb^86~@ByA7x5I}b{K;@eJ-t9n"
        "gh;J+_;d7atca`NFH!35uOfWZ4u2Ej<C?Xq85tX#j;)sAlk63gezC*fS@;h4v>iSZ;SlyLu3g}B^)&U$VTXT2OVmRVxg{2++QZuN<Dc#"
        "DFA@ID$37F0;EU+t+?Oxe#Qcv4Utxt0Co>5)F}^mePiFF?cKD_Z{#%Nzk>E(M06*2kw?SK`oe1=cNNn^qScoio<sH33ZY2fmkd3QIA${"
        "v0Mf4R@S;^3m!LxeMLww{D$%IUb*%@qH6{)dNj*y=8dv>z&6<Kb!(%ID<V*SDvX{3anSsE=;yJI0gm-J#sb(!rXc6tPpo18*F@d-nEqt"
        "|xQhrVN$lfE`qqx;d<HqxJ&;udLl49I?4A*U2F(8kt<WDxekVD?jg&3&$(kW+Q-I9AaKt&AzrP+Flg+)jq@=IFh<$WYDuu$=eds`n9^_"
        "tVh(>1b&reZ|5=Mqyjdps!7=2~Dc=(RkVz=DY{4acOummIY#>am)tR3P;&WIo23e$awaf!I+zz$&D2&<Sf+~yMmCjnY99%X{1y$Hv!E}"
        "#Hf?9qwOfGk4b4V*@7-7Q#iU%A!S)~JDIAs*`Z;bh;<>>&9Ka~GwZqB0`?G(2KMH_J{9cOz!eBS2f@>_ex2O!bPLu?&egCpa@a~0Tcu&"
        "oLu>%CGa0roVo4^Eh$R|B&9amrvn+TYIbXw9=kPTu{sIkuA>wBvKFIKW4EPpWq~=)Yell01&&$y-Qt7oCeLm7fq%UCfQ<0v?G>7UXB^;"
        "I0A-cW^ub>lnVJ-^4$h#`Y#XO2lA&Ynv^-@n3BexE@OXzE+jV#TU4B91%#P0LRCE4U$hRMlFDOrxmeJMMc)u0xcq-hBwA+(<6w`SxrJV"
        "|27um8bG>hXuL_CrBBldi|8$&?anrbU^M2%aOekWFLpa|8Pvq#qj52NrWhPLZg&W8DrC)0*65Z1M_havYo7oV8CEX(6elkt8f6CrNTrk"
        "wQ}08o;I+Xj6@7!<0t0g6s@q+jHzt8c2%;?;<NT{3<=ZRl~2=@M{o%IpW*cXa#L;<U80w)-G_9wOSXfGj_oh$hi_ZSFtg$HoKgx*GgY|"
        "uJm=NnYlspv=LdGkhPhytZnp=t2Nd&Io7o*Ym3IZ4q01~bv<iermlB(85wFM$xJFuZlK4PlN&J~wqY8u7;!>wqF-t%YwPE}@%e+_U}de"
        "R`I{y;<MB^kVUJg9DnI+;wf#djOzI%Fu<>D+ZkbYVWhc!zzje#|j%&`rpuCQS=t@XxCEJm)e)W4bj}2af2_rS98;KMlJD7Paea+G;p18"
        "N+A-s)C5?KmI$?bT_#rq^FrDTXi?}f-tJdG8hNUWhjCUQcF;SYD<53B(V8G5%u?nLzvcA`v|4fHx52^rko#jZG5C9$W{<ZkSvd-!Y#+T"
        "@IsL0-5uO!@cXulM1vwkGy2XUb}WJxfxTHhuNP06}2S+GFkl4HbH5yFg{Mh4j`eq|W|oT3weq8S2T;4zR>xOO@lGMhLzfO5N)TN%2@?q"
        "M7zab--=fTI$lnTh0tru7r<RViX+LzyP6AGr(4oNwz;!9hjC+-0UMBQ<S*OJhY$t!EiPz#mDu~SD0bgRh#Ol4xG~s0|H$cvgl3gcUG_p"
        "S=34NDr0nKbzpjTn!nUmP#9tHZ`!ft>pbGSPI7#Ax8u{CD-<F)29K|ee8Ga2bmC#U(L;H4z%S$<pJzQQZ4r#yv*eR;<F@t39o*ylC^!1"
        ">R0kYFKJf+BgP{5lR4;<+XLrYyb4Jt8qdW04-ss0$9T?rIAKIB!LZE69ixYpSZ9yLW@9R$gud5WQs;XWNu=v$$pRLLxzP~&11%W!CH~R"
        "D+eR3a}UA>m)G5!_#j6Y``s?2UU@V656eMuGb(|GfuDV>jhKVh7yHqp{}hS0V4>ta`_?=J_k`RA#tKAcZ{XP4p|+AkQrWFIA_?@P4r%-"
        ">T_%?(wlqT~6SY4S&lXJxmFm*!ueL+j}CF8X|qJ`XZW=g~}}&(ZYhIFI>V)z&b>!B+g8_#I^OON(tk;i%)cu99)L&M$t;IDdqra;KTNw"
        "1E2Z?S~Wb?>UP9LftrS-uLLoozH)(e{VPZAHV;)7T?#c_?Wgh&v)(Z6U-;RzkBhq?@xbs)|k$(|NV3;KpwlIo9jQ*+}Xpt?Em`y2Rg66"
        "{RFpZEkx_xR3Xp!EN;vFm1TMKzsq@Y^Uviv$?@IYh(EUV(cQOuUzqXuH-q<#^!M2FcIxV9AD$SP!TjvpzvrD{G~%#M{7f?Wq4n(SuKHQ"
        "LS$?`|L%+&*u3GmDi&?v%dMvx4?cGUCpDCs%&-<@z|7XWw+q}yU<P+bUcl_Lg#ZT^iYfV1!eJ44-|0MT+MK{~eV#nScE9Wu)+>UO}f4u"
        ")~y8Dql>c89B&HBG%`}P_7C-d_0k)GZ>>c88SNBw_V88lu0WbyYNJn~^a@!fe|f4bBE<^QMt$J~GTmY4F$KTkLEPv7smo*%UM#Nul^X?"
        "e$Y+gaq-?`XWZ^Zl<;f-AQHhfPn*BqqgUt0nda$xtj(9Vk0NBTkRs<*0Bw9Dc9E<*ab|%iVsb$5r8SxgB1g%jc_bx;*6-KISs8`|!$A>"
        "Z250+HlJt>r=lQ+27*a{QuC*YW)V}P=m5~pm41HOEW~ji8#UlnXiXfb}r2v{YKyb1LqALN85lj%k?{XeGT$Og9Ovwp;@cn1v6^jG;5t*"
        "*Df4v(z?uA{mz#uu376gYxTQTMlJiZmvN`etkv%<8MOz^T8~+)-z_p~Q$tKzuUV_#=`m{enYBK%R=+!AYVS~!)^FD8cT!C4HES!(TKz6"
        "aKVy4`nRCOESo$prqxg_TY{@MBet}WEb+}n<NiF@N-YBjbVHRt-b@Y7${o_`P*pgiO+j*l{IL$2fblrBHMQlkg{f)Fyyw4)G<d^<V*cA"
        "D6v)Gbg`de3{_)Ux0l41J$Powy<k>(2G=z53kvxuE1(A%TTVoQeUZ_`YXEn-Xc(%)|x#nCg&VoQeU7wbmx0gKp@Vfs4_qj=e9v)J2p@d"
        "1n2*LB;=#+b#H4Ab8vm?B%mmJHLcGEL(=)_k3@WSD+gZpv+o*pgxTHMJ?X$C<^huG>Cn5nD1$zp6Eg7mhcJEg7a?lA3bcBDQ3hepPAe?"
        "K1`Q8rCe<FZM<mS3x@Q(U+mM!Q$e{*+pyN6iqqN^ghzAUSQ73-h>wS#HEabf9HRX?orG&6Y+e0?*9O+K`Br"
    )
)

LEGACY = zlib.decompress(
    base64.b85decode(
        "c-nPSNpI6o5cZaqnzodkvW7in35lCH2`%YDDT}*+x%g69PV!V6Oq{V_$|6NXLJch!E*wGPR(?gruR!90xN_sd0f_@+I|)P>+vDdMzxRF"
        "L%$wKbUWxXvxAQ;a4?f%-O*Xm3Z#=#mz$CO0hGA;1L!Gi?>ubdIET;-APSA$%k8M$E6P;8mmQe+6LlZGbpVo-(S<i?Ed;^4p7Q>)tIxd"
        "Bn!f8BuR+U1ZB4~n-;Z#?lUlHo{4kwFI1K2Wk+_IU}>(sJ6QFlqHZrK%`lB(yp`kEvHmq=*+J~+-aRtfOo5^>&k40=BdiXdpiIH!=w6{"
        "J)yFBP)+tPHV0N4Zu<9fM00`tK=>!Ye`xb|`|vwqRhhj49isOfh3mTy`tOC6zg=OhpjKRM<&jP=%pDYzc-<)MD~xB-bu8<QVZe1ch(GZ"
        "iV%!_H3Fy)LshvRM;Ot)!@K?@~#=K@rY33if}MwYiB#>)Jrz$rhDj*gmfyEld`g$fl-vep@hS}1a2LUDC{~M4e5_jIIhBpjlhY&gp(?q"
        "3bc4|I*6S~Xnp8DCf2G+;q1SuB2QY%=Tj*-hdcuEoDX;ut_2Aku$*Hd*98g}Rk##ve91CAxEzU=%VyG<3?$pCue4RCeAVd?Nun^WLZ;q"
        ";tTup4b*zn1F{lA@@IR+vkb!&y3PF!_diScrdY)Gb60E|+3QQ&xHt?RnwIvdKSy1e$@T}w5-TF@TD9z`yQd)-Tw$hol(pg{W^-$>?g&Q"
        "i&2goMe>_rY*H7$41Z}p(dvXmK@;5MT3h<+z%(sfXL^o0<8k;0M+%l_e6@efZ#|FKa!#YGYEQN0tnHL<8F^pWHs^Y_)9!q+rDXic>DXd"
        "ltOqA@cJGlCXJOU(%F6$@`ZO+JjjE>2H;E`F)~*yg)P{>}BEf1m1%op@{O-S*b=7sZaxGQR<$VK&h"
    )
)
