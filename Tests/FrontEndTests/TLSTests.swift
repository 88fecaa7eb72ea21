import Foundation
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import FrontEnd

@Suite("TLS", .serialized)
struct TLSTests {
  /// A directory with certificates made by openssl.
  private final class Certificates {
    let directory: String

    init() throws {
      directory = NSTemporaryDirectory() + "quorate-tls-\(UUID().uuidString)"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    func make(_ name: String) throws {
      let process = Process()
      process.executableURL = URL(filePath: TLSTests.openssl)
      process.arguments = [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=\(name)", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout",
        path("\(name).key"), "-out", path("\(name).pem"),
      ]
      process.standardError = FileHandle.nullDevice
      try process.run()
      process.waitUntilExit()
      try #require(process.terminationStatus == 0)
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path("\(name).key"))
    }

    func path(_ file: String) -> String { "\(directory)/\(file)" }

    func copy(_ name: String, to other: String) throws {
      for suffix in ["pem", "key"] {
        try? FileManager.default.removeItem(atPath: path("\(other).\(suffix)"))
        try FileManager.default.copyItem(
          atPath: path("\(name).\(suffix)"),
          toPath: path("\(other).\(suffix)")
        )
      }
    }

    func settings(_ name: String) -> TLSSettings {
      TLSSettings(
        address: Endpoint(host: "127.0.0.1", port: 0),
        certificate: path("\(name).pem"),
        key: path("\(name).key")
      )
    }
  }

  static let openssl = "/usr/bin/openssl"
  static var hasOpenSSL: Bool { FileManager.default.isExecutableFile(atPath: openssl) }

  private func connect(
    _ pool: TestPool,
    trusting file: String,
    _ version: TLSVersion = .tlsv13
  ) async throws -> Phone {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.trustRoots = .file(file)
    configuration.certificateVerification = .noHostnameVerification
    configuration.minimumTLSVersion = version
    configuration.maximumTLSVersion = version
    return try await Phone.tls(
      to: try #require(pool.servers[0].addresses?.tls),
      context: try NIOSSLContext(configuration: configuration)
    )
  }

  private func register(_ phone: Phone, cseq: Int) async throws -> Int? {
    var user = TestUser("alice", phone)
    user.transport = "TLS"
    return try await phone.ask(user.register(cseq: cseq))?.status
  }

  @Test(
    "registers and is called over TLS 1.2 and 1.3",
    .enabled(if: hasOpenSSL, "openssl is not installed"),
    arguments: [TLSVersion.tlsv12, .tlsv13]
  )
  func registers(version: TLSVersion) async throws {
    let certificates = try Certificates()
    try certificates.make("a")
    try await TestPool.with(1, tune: { $0.tls = certificates.settings("a") }) { pool in
      let phone = try await connect(pool, trusting: certificates.path("a.pem"), version)
      #expect(try await register(phone, cseq: 1) == 200)
      let caller = try await Phone.udp(to: try pool.sip(0))
      let message = TestUser("bob", caller)
        .request("MESSAGE", "sip:alice@example.com", to: "alice")
      try await caller.send(message)
      let delivered = try #require(await phone.receive())
      #expect(delivered.hasPrefix("MESSAGE sip:alice@"))
      #expect(delivered.header("Via")?.hasPrefix("SIP/2.0/TLS ") == true)
      await phone.close()
      await caller.close()
    }
  }

  /// A contact that listens over TLS with the certificate `name`.
  private func listen(_ certificates: Certificates, _ name: String) async throws -> PhoneServer {
    let configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: try NIOSSLCertificate.fromPEMFile(certificates.path("\(name).pem"))
        .map { .certificate($0) },
      privateKey: .privateKey(try NIOSSLPrivateKey(file: certificates.path("\(name).key"), format: .pem))
    )
    return try await PhoneServer.start(tls: try NIOSSLContext(configuration: configuration))
  }

  @Test(
    "a sips: contact is connected to over TLS if its certificate is good, and sips: goes nowhere else",
    .enabled(if: hasOpenSSL, "openssl is not installed")
  )
  func contacts() async throws {
    let certificates = try Certificates()
    for name in ["a", "good", "bad"] { try certificates.make(name) }
    var settings = certificates.settings("a")
    settings.authorities = certificates.path("good.pem")
    try await TestPool.single(tune: { $0.tls = settings }) { pool in
      let (good, bad) = (try await listen(certificates, "good"), try await listen(certificates, "bad"))
      let phone = try await Phone.udp(to: try pool.sip(0))
      func register(_ name: String, _ contact: String) async throws {
        #expect(try await phone.ask(TestUser(name, phone).register(contact: "<\(contact)>"))?.status == 200)
      }
      func message(_ scheme: String, _ name: String) -> String {
        TestUser("caller", phone).request("MESSAGE", "\(scheme):\(name)@example.com", to: name)
      }
      try await register("good", "sips:good@localhost:\(good.port)")
      try await register("bad", "sips:bad@127.0.0.1:\(bad.port)")
      try await register("plain", "sip:plain@127.0.0.1:\(phone.port)")
      for scheme in ["sips", "sip"] {
        try await phone.send(message(scheme, "good"))
        let delivered = try #require(await good.receive())
        #expect(delivered.hasPrefix("MESSAGE \(scheme):good@localhost:\(good.port) "))
        #expect(delivered.header("Via")?.hasPrefix("SIP/2.0/TLS ") == true)
        try await good.send(PoolTests.response(200, to: delivered))
        #expect(await phone.receive()?.status == 200)
      }
      #expect(try await phone.ask(message("sips", "bad"))?.status == 500)
      #expect(try await phone.ask(message("sips", "plain"))?.status == 480)
      for server in [good, bad] { await server.close() }
      await phone.close()
    }
  }

  @Test(
    "a reload shows the new certificate to new connections and leaves the open ones",
    .enabled(if: hasOpenSSL, "openssl is not installed")
  )
  func reload() async throws {
    let certificates = try Certificates()
    try certificates.make("a")
    try certificates.make("b")
    try certificates.copy("a", to: "now")
    try await TestPool.with(1, tune: { $0.tls = certificates.settings("now") }) { pool in
      let first = try await connect(pool, trusting: certificates.path("a.pem"))
      #expect(try await register(first, cseq: 1) == 200)
      try certificates.copy("b", to: "now")
      try await pool.servers[0].reloadTLS()
      let second = try await connect(pool, trusting: certificates.path("b.pem"))
      #expect(try await register(second, cseq: 2) == 200)
      #expect(try await register(first, cseq: 3) == 200)
      // A broken file changes nothing.
      try Data("nonsense".utf8).write(to: URL(filePath: certificates.path("now.pem")))
      await #expect(throws: FrontEndError.self) { try await pool.servers[0].reloadTLS() }
      let third = try await connect(pool, trusting: certificates.path("b.pem"))
      #expect(try await register(third, cseq: 4) == 200)
      for phone in [first, second, third] { await phone.close() }
    }
  }

  @Test(
    "files that cannot be used are one clear error",
    .enabled(if: hasOpenSSL, "openssl is not installed")
  )
  func badFiles() throws {
    let certificates = try Certificates()
    try certificates.make("a")
    try certificates.make("b")
    func problem(_ settings: TLSSettings) -> String {
      do {
        _ = try TLSIdentity.context(settings)
        return "taken"
      } catch {
        return error.message
      }
    }
    #expect(problem(certificates.settings("a")) == "taken")
    var settings = certificates.settings("a")
    settings.certificate = certificates.path("none.pem")
    #expect(problem(settings) == "TLS certificate \(settings.certificate): it cannot be read")
    settings.certificate = certificates.path("a.key")
    #expect(problem(settings).hasPrefix("TLS certificate \(settings.certificate): it holds no"))
    settings = certificates.settings("a")
    settings.key = certificates.path("a.pem")
    #expect(problem(settings).hasPrefix("TLS key \(settings.key): "))
    settings.key = certificates.path("b.key")
    #expect(
      problem(settings) == "TLS key \(settings.key): it is not the key of certificate \(settings.certificate)"
    )
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: settings.key)
    #expect(problem(settings).contains("chmod 600"))
  }

  @Test(
    "who does not shake hands is let go in time; garbage is dropped",
    .enabled(if: hasOpenSSL, "openssl is not installed")
  )
  func silent() async throws {
    let certificates = try Certificates()
    try certificates.make("a")
    try await TestPool.with(
      1,
      tune: {
        $0.tls = certificates.settings("a")
        $0.limits.messageTime = .milliseconds(300)
      }
    ) { pool in
      let address = try #require(pool.servers[0].addresses?.tls)
      let silent = try await Phone.tcp(to: address)
      let garbage = try await Phone.tcp(to: address)
      try await garbage.send("REGISTER sip:example.com SIP/2.0\r\n\r\n")
      let good = try await connect(pool, trusting: certificates.path("a.pem"))
      try await pool.eventually("both are closed") { !silent.isOpen && !garbage.isOpen }
      #expect(try await register(good, cseq: 1) == 200)
      await good.close()
    }
  }
}
