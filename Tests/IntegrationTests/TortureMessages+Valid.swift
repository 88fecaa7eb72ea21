extension TortureMessage {
  /// RFC 4475 section 3.1.1: right, however odd. 480 is the answer for a user that has no contact, 403 the one for
  /// somebody else's domain.
  static let valid: [TortureMessage] = [
    TortureMessage(
      "3.1.1.1 wsinv",
      .status(403),
      """
      INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0
      TO :
       sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n
      from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>
        ;
        tag = 98asjd8
      MaX-fOrWaRdS: 0068
      Call-ID: wsinv.ndaksdj@192.0.2.1
      Content-Length   : 0
      cseq: 0009
        INVITE
      Via  : SIP  /   2.0
       /UDP
          192.0.2.2;branch=390skdjuw
      s :
      NewFangledHeader:   newfangled value
       continued newfangled value
      UnknownHeaderWithUnusualValue: ;;,,;;,;
      Route:
       <sip:services.example.com;lr;unknownwith=value;unknown-no-value>
      v:  SIP  / 2.0  / TCP     spindle.example.com   ;
        branch  =   z9hG4bK9ikj8  ,
       SIP  /    2.0   / UDP  192.168.255.111   ; branch=
       z9hG4bK30239
      m:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =
            newvalue ;
        secondparam ; q = 0.33


      """
    ),
    .request(
      "3.1.1.2 intmeth",
      .status(480),
      "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
        + ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0",
      [
        "Via: SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~",
        "To: \"BEL:\\\u{07} NUL:\\\u{00} DEL:\\\u{7F}\" "
          + "<sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com>",
        "From: token1~` token2'+_ token3*%!.- <sip:mundane@example.com>"
          + ";fromParam''~+*_!.-%=\"\u{442}\u{435}\u{441}\u{442}\";tag=_token~1'+`*%!-.",
        "Call-ID: intmeth.word%ZK-!.*_+'@word`~)(><:\\/\"][?}{",
        "extensionHeader-!.%*+_`'~: \u{FEFF}\u{5927}\u{505C}\u{96FB}",
      ]
    ),
    .request(
      "3.1.1.3 esc01",
      .status(403),
      "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0",
      [
        "To: sip:%75se%72@example.com", "From: <sip:I%20have%20spaces@example.net>;tag=938",
        "Contact: <sip:cal%6Cer@host5.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
      ]
    ),
    .request(
      "3.1.1.4 escnull",
      .status(200),
      "REGISTER sip:example.com SIP/2.0",
      [
        "To: sip:null-%00-null@example.com", "From: sip:null-%00-null@example.com;tag=839923423",
        "Contact: <sip:%00@host5.example.com>", "Contact: <sip:%00%00@host5.example.com>",
      ]
    ),
    .request(
      "3.1.1.5 esc02",
      .status(403),
      "RE%47IST%45R sip:registrar.example.com SIP/2.0",
      [
        "To: \"%Z%45\" <sip:resource@example.com>", "From: \"%Z%45\" <sip:resource@example.com>;tag=f2",
        "Via: SIP/2.0/TCP host.example.com;branch=z9hG4bK209%fzsnel234",
        "C%6Fntact: <sip:alias2@host2.example.com>", "Contact: <sip:alias3@host3.example.com>",
      ]
    ),
    .request(
      "3.1.1.6 lwsdisp",
      .status(480),
      "OPTIONS sip:user@example.com SIP/2.0",
      ["From: caller<sip:caller@example.com>;tag=323"]
    ),
    .request(
      "3.1.1.7 longreq",
      .status(480),
      "INVITE sip:user@example.com SIP/2.0",
      [
        "To: \"I have a user name of \(String(repeating: "extreme", count: 100)) proportion\" "
          + "<sip:user@example.com:6000\(String(repeating: ";unknownparam1=very", count: 20))>",
        "F: sip:\(String(repeating: "amazinglylongcallername", count: 10))@example.net"
          + ";tag=12\(String(repeating: "982", count: 50))424",
        "Unknown-\(String(repeating: "Long", count: 40))-Name: \(String(repeating: "long", count: 80))",
      ] + (1...33).reversed().map { "Via: SIP/2.0/TCP sip\($0).example.com" }
        + ["Via: SIP/2.0/TCP host.example.com;received=192.0.2.5;branch=verylonebranchvalue"]
    ),
    .request(
      "3.1.1.8 dblreq",
      .status(200),
      "REGISTER sip:example.com SIP/2.0",
      ["To: sip:j.user@example.com", "Contact: sip:j.user@host.example.com", "Content-Length: 0"],
      body: "INVITE sip:joe@example.com SIP/2.0\nt: sip:joe@example.com\n"
    ),
    .request(
      "3.1.1.9 semiuri",
      .status(480),
      "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0",
      [
        "To: sip:j_user@example.com",
        "Accept: application/sdp, application/pkcs7-mime,\n        multipart/mixed, message/sipfrag",
      ]
    ),
    .request(
      "3.1.1.10 transports",
      .status(480),
      "OPTIONS sip:user@example.com SIP/2.0",
      [
        "Via: SIP/2.0/UDP t1.example.com;branch=z9hG4bKkdjuw",
        "Via: SIP/2.0/SCTP t2.example.com;branch=z9hG4bKklasjdhf",
        "Via: SIP/2.0/TLS t3.example.com;branch=z9hG4bK2980unddj",
        "Via: SIP/2.0/UNKNOWN t4.example.com;branch=z9hG4bKasd0f3en",
        "Via: SIP/2.0/TCP t5.example.com;branch=z9hG4bK0a9idfnee",
      ]
    ),
    .request(
      "3.1.1.11 mpart01",
      .status(403),
      "MESSAGE sip:kumiko@example.org SIP/2.0",
      [
        "To: <sip:kumiko@example.org>", "MIME-Version: 1.0",
        "Content-Type: multipart/mixed;boundary=7a9cbec02ceef655",
      ],
      body: "--7a9cbec02ceef655\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\n\r\n"
        + "Hello\r\n--7a9cbec02ceef655\r\nContent-Type: application/octet-stream\r\n\r\n\u{0}\u{1}\u{7F}"
        + "\r\n--7a9cbec02ceef655--\r\n"
    ),
    .request(
      "3.1.1.12 unreason",
      .nothing,
      "SIP/2.0 200 = 2**3 * 5**2 \u{43D}\u{43E} \u{441}\u{442}\u{43E}",
      ["Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923", "CSeq: 35 INVITE"]
    ),
    .request(
      "3.1.1.13 noreason",
      .nothing,
      "SIP/2.0 100 ",
      ["Via: SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe", "CSeq: 35 INVITE"]
    ),
  ]
}
