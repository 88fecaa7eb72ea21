import SIPMessage
import Testing

@testable import SIPDigest

@Suite struct DigestTests {
  static let key = [UInt8](repeating: 7, count: 32)
  static let maker = DigestNonceMaker(key: key, realm: "example.com", life: 60_000)
  static let authenticator = DigestAuthenticator(realm: "example.com", nonces: maker)
  static let now: Int64 = 1_700_000_000_000

  /// The answer of a client that knows the password.
  private func answer(
    _ algorithm: DigestAlgorithm = .sha256,
    nonce: [UInt8]? = nil,
    password: String = "secret",
    count: String = "00000001",
    changes: [(String, String)] = []
  ) throws -> DigestResponse {
    let nonceText = String(decoding: nonce ?? Self.maker.nonce(at: Self.now, salt: 1), as: UTF8.self)
    var text =
      "Digest username=\"bob\", realm=\"example.com\", nonce=\"\(nonceText)\", uri=\"sip:example.com\", "
      + "response=\"0\", algorithm=\(algorithm.rawValue), cnonce=\"abc\", qop=auth, nc=\(count)"
    for (old, new) in changes {
      let parts = text.components(around: old)
      text = parts.joined(separator: new)
    }
    var response = try #require(DigestResponse(parsing: Array(text.utf8)[...]))
    response.response = DigestAuthenticator.responseHash(
      algorithm,
      ha1: algorithm.ha1(user: "bob", realm: "example.com", password: password),
      method: Array("REGISTER".utf8)[...],
      response,
      Array(count.utf8),
      Array("abc".utf8)
    )
    return response
  }

  private let secrets: UserSecrets = [
    .sha256: DigestAlgorithm.sha256.ha1(user: "bob", realm: "example.com", password: "secret"),
    .md5: DigestAlgorithm.md5.ha1(user: "bob", realm: "example.com", password: "secret"),
  ]

  private func verdict(_ response: DigestResponse, _ secrets: UserSecrets, at now: Int64 = Self.now)
    -> DigestAuthenticator.Verdict
  {
    Self.authenticator.verdict(on: response, method: Array("REGISTER".utf8)[...], secrets: secrets, at: now)
  }

  /// RFC 7616 section 3.9.1.
  @Test(arguments: [
    (DigestAlgorithm.md5, "8ca523f5e9506fed4657c9700eebdbec"),
    (.sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
  ])
  func hashesAsTheExampleDoes(_ algorithm: DigestAlgorithm, _ expected: String) throws {
    let text =
      "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", algorithm=\(algorithm.rawValue), "
      + "nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, "
      + "cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, response=\"\(expected)\", opaque=\"x\""
    let response = try #require(DigestResponse(parsing: Array(text.utf8)[...]))
    #expect(response.algorithm == algorithm)
    #expect(response.nonceCount == 1)
    let hash = DigestAuthenticator.responseHash(
      algorithm,
      ha1: algorithm.ha1(user: "Mufasa", realm: "http-auth@example.org", password: "Circle of Life"),
      method: Array("GET".utf8)[...],
      response,
      Array("00000001".utf8),
      response.cnonce ?? []
    )
    #expect(hash == response.response)
    #expect(hash.count == algorithm.hexDigits)
  }

  @Test func letsInWhoKnowsThePassword() throws {
    for algorithm in DigestAlgorithm.allCases {
      let response = try answer(algorithm, count: "0000000a")
      #expect(verdict(response, secrets) == .proved(nonce: response.nonce, issuedAt: Self.now, count: 10))
      // Hex in upper case is the same.
      var upper = response
      upper.response = response.response.map { $0 >= 0x61 ? $0 - 0x20 : $0 }
      #expect(verdict(upper, secrets) == verdict(response, secrets))
    }
  }

  @Test func letsNobodyElseIn() throws {
    #expect(try verdict(answer(password: "other"), secrets) == .wrong(.wrongHash))
    #expect(try verdict(answer(), [:]) == .wrong(.noSecret))
    #expect(try verdict(answer(), [.md5: secrets[.md5] ?? []]) == .wrong(.noSecret))
    #expect(try verdict(answer(changes: [("qop=auth", "x=y")]), secrets) == .wrong(.noQop))
    #expect(try verdict(answer(changes: [("qop=auth", "qop=auth-int")]), secrets) == .wrong(.noQop))
    #expect(try verdict(answer(changes: [("nc=00000001", "nc=1")]), secrets) == .wrong(.noQop))
    #expect(
      try verdict(answer(changes: [("realm=\"example.com\"", "realm=\"x\"")]), secrets) == .wrong(.wrongRealm)
    )
    #expect(try verdict(answer(nonce: Array("forged".utf8)), secrets) == .wrong(.forgedNonce))
    let other = DigestAuthenticator(realm: "example.com", nonces: Self.maker, algorithms: [.md5])
    let response = try answer()
    #expect(
      other.verdict(on: response, method: Array("REGISTER".utf8)[...], secrets: secrets, at: Self.now)
        == .wrong(.noSecret)
    )
    #expect(
      Self.authenticator.verdict(
        on: response,
        method: Array("INVITE".utf8)[...],
        secrets: secrets,
        at: Self.now
      )
        == .wrong(.wrongHash)
    )
  }

  @Test func tellsStaleFromWrong() throws {
    let response = try answer()
    #expect(verdict(response, secrets, at: Self.now + 59_999) != .stale)
    #expect(verdict(response, secrets, at: Self.now + 60_000) == .stale)
    #expect(verdict(response, secrets, at: Self.now - 5_001) == .stale)
    #expect(verdict(response, secrets, at: Self.now - 5_000) != .stale)
    // A wrong password is not told that only the nonce is old.
    #expect(try verdict(answer(password: "x"), secrets, at: Self.now + 60_000) == .wrong(.wrongHash))
  }

  @Test func signsNonces() {
    let nonce = Self.maker.nonce(at: Self.now, salt: 5)
    #expect(nonce != Self.maker.nonce(at: Self.now, salt: 6))
    #expect(Self.maker.verdict(on: nonce[...], at: Self.now) == .good(issuedAt: Self.now))
    for index in nonce.indices {
      var changed = nonce
      changed[index] = changed[index] == 0x30 ? 0x31 : 0x30
      #expect(Self.maker.verdict(on: changed[...], at: Self.now) == .forged)
      #expect(Self.maker.verdict(on: nonce[..<index], at: Self.now) == .forged)
    }
    #expect(DigestNonceMaker(key: Self.key, realm: "other").verdict(on: nonce[...], at: Self.now) == .forged)
    // Rotation with overlap.
    let new = [UInt8](repeating: 8, count: 32)
    let rotated = DigestNonceMaker(key: new, previousKey: Self.key, realm: "example.com")
    #expect(rotated.verdict(on: nonce[...], at: Self.now) == .good(issuedAt: Self.now))
    #expect(Self.maker.verdict(on: rotated.nonce(at: Self.now, salt: 1)[...], at: Self.now) == .forged)
    #expect(DigestNonceMaker(key: new, realm: "example.com").verdict(on: nonce[...], at: Self.now) == .forged)
    #expect(Self.maker.verdict(on: Self.maker.nonce(at: .min, salt: 0)[...], at: .max) == .stale)
  }

  @Test func challengesWithTheBestFirst() throws {
    let block = try Self.authenticator.challenges(isStale: true, at: Self.now, salt: 1)
    let nonce = String(decoding: Self.maker.nonce(at: Self.now, salt: 1), as: UTF8.self)
    let tail = "qop=\"auth\", stale=true\r\n"
    #expect(
      String(decoding: block.bytes, as: UTF8.self)
        == "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"\(nonce)\", algorithm=SHA-256, \(tail)"
        + "WWW-Authenticate: Digest realm=\"example.com\", nonce=\"\(nonce)\", algorithm=MD5, \(tail)"
    )
    let proxy = try Self.authenticator.challenges(proxy: true, at: Self.now, salt: 1)
    #expect(String(decoding: proxy.bytes, as: UTF8.self).hasPrefix("Proxy-Authenticate: "))
    #expect(!String(decoding: proxy.bytes, as: UTF8.self).contains("stale"))
  }

  @Test(arguments: [
    "", "Digest", "Basic abc", "NoOneKnowsThisScheme opaque-data=here", "Digest username=\"a\"",
    "Digest username=\"a",
    "Digest =x", "Digest a=1,,b=2", "Digest a=1,", "Digest a", "Digest username=\"a\", username=\"b\"",
    "Digest a=\"\\",
  ])
  func takesNoOtherAnswer(_ value: String) {
    #expect(DigestResponse(parsing: Array(value.utf8)[...]) == nil)
  }

  @Test func findsTheAnswersOfItsRealm() throws {
    func line(_ realm: String, _ algorithm: String) -> String {
      "Authorization: Digest username=\"a\\\"b\",realm=\"\(realm)\" , nonce=\"n\",uri=\"sip:x,y\",response=\"r\"\(algorithm)\r\n"
    }
    let text =
      "REGISTER sip:x SIP/2.0\r\nAuthorization: Basic x\r\n" + line("example.com", "")
      + line("other", ",algorithm=MD5")
      + line("example.com", ",algorithm=SHA-512-256") + line("example.com", ", ALGORITHM = \"sha-256\"")
      + "\r\n"
    let responses = DigestResponse.all(in: try SIPMessage(parsing: Array(text.utf8)), realm: "example.com")
    #expect(responses.map(\.algorithm) == [.sha256, .md5])
    #expect(responses.first?.username == Array("a\"b".utf8))
    #expect(responses.first?.uri == Array("sip:x,y".utf8))
  }
}

extension String {
  fileprivate func components(around part: String) -> [String] {
    guard let range = firstRange(of: part) else { return [self] }
    return [String(self[..<range.lowerBound]), String(self[range.upperBound...])]
  }
}
