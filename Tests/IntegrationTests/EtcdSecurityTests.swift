import Foundation
import PoolDemo
import PoolTesting
import SIPClient
import Testing

extension IntegrationTests {
  @Suite(
    "etcd with TLS and a password",
    .serialized,
    .enabled(if: EtcdCluster.program != nil, "etcd-server is not installed")
  )
  struct EtcdSecurity {
    /// An authority, a certificate for the members and us, and a second authority that signed nothing.
    private static let makeCertificates = """
      set -e
      cd "$DIRECTORY"
      for ca in ca other; do
        openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$ca" -keyout $ca.key -out $ca.pem 2> /dev/null
      done
      openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout own.key -out own.csr 2> /dev/null
      printf 'subjectAltName=IP:127.0.0.1\\nextendedKeyUsage=serverAuth,clientAuth\\n' > own.ext
      openssl x509 -req -in own.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out own.pem 2> /dev/null
      # etcd's gateway takes no client certificate that has a common name.
      openssl req -newkey rsa:2048 -nodes -subj /O=quorate -keyout client.key -out client.csr 2> /dev/null
      openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile own.ext -out client.pem 2> /dev/null
      echo secret > password; echo wrong > wrong-password
      chmod 600 own.key client.key password wrong-password
      """

    private static func switchAuthenticationOn(_ endpoint: String, _ directory: String) async throws {
      let files = [
        "--cacert", "\(directory)/ca.pem", "--cert", "\(directory)/own.pem", "--key", "\(directory)/own.key",
      ]
      for (path, body) in [
        ("user/add", #"{"name":"root","password":"secret"}"#), ("role/add", #"{"name":"root"}"#),
        ("user/grant", #"{"user":"root","role":"root"}"#), ("enable", "{}"),
      ] {
        var done = false
        for _ in 0..<50 where !done {
          done = try await EtcdGatewayCalls.call("\(endpoint)/v3/auth/\(path)", body, files)
          if !done { try await Task.sleep(for: .milliseconds(100)) }
        }
        try #require(done, "auth/\(path)")
      }
    }

    @Test("serves; wrong certificates, a wrong password and a key that others may read are refused")
    func security() async throws {
      let directory = FileManager.default.temporaryDirectory.appending(
        path: "quorate-tls-\(UUID().uuidString)"
      ).path
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: directory) }
      let made = try SpawnedCommand(
        "/bin/sh",
        ["-c", Self.makeCertificates],
        logs: directory,
        tag: "openssl",
        environment: ["DIRECTORY": directory]
      )
      let ended = await made.end(within: .seconds(60))
      try #require(ended.exitCode == 0, "\(ended.description)")
      let options = [
        "--cert-file", "\(directory)/own.pem", "--key-file", "\(directory)/own.key", "--trusted-ca-file",
        "\(directory)/ca.pem", "--client-cert-auth",
      ]
      let good = [
        "etcd:", "  authority: \(directory)/ca.pem", "  certificate: \(directory)/client.pem",
        "  key: \(directory)/client.key", "  user: root", "  password-file: \(directory)/password",
      ]
      try await withEtcdPool(
        "secure",
        members: 1,
        scheme: "https",
        etcdMore: options,
        isStarted: false,
        change: { $0.more = good }
      ) { pool, etcd in
        try await Self.switchAuthenticationOn(etcd.endpoints[0], directory)
        try await pool.start(within: .seconds(60))
        try await withUsers(50, of: pool) { client in
          #expect(await client.register() == 50)
          #expect(await client.audit().isClean)
        }
        let text = try String(contentsOfFile: pool.poolFile, encoding: .utf8)
        for (from, to, sign) in [
          ("\(directory)/password", "\(directory)/wrong-password", "did not accept user 'root'"),
          (
            "authority: \(directory)/ca.pem", "authority: \(directory)/other.pem",
            "not signed by the authority"
          ),
          (
            "key: \(directory)/client.key", "key: \(directory)/ca.key",
            "our key is not that of our certificate"
          ),
        ] {
          try Data(text.replacing(from, with: to).utf8).write(to: URL(filePath: pool.poolFile))
          let refused = try await pool.run("fabric-state", pool.poolFile)
          #expect(refused.exitCode == 69 && refused.errors.contains(sign), "\(refused.description)")
          #expect(!refused.description.contains("secret"), "\(refused.description)")
        }
        try Data(text.utf8).write(to: URL(filePath: pool.poolFile))
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o644],
          ofItemAtPath: "\(directory)/password"
        )
        let open = try await pool.run("fabric-state", pool.poolFile)
        #expect(open.exitCode == 69 && open.errors.contains("chmod 600"), "\(open.description)")
        try FileManager.default.setAttributes(
          [.posixPermissions: 0o600],
          ofItemAtPath: "\(directory)/password"
        )
        for server in pool.servers {
          let log = try String(
            contentsOfFile: "\(pool.directory(of: server.name))/log/server.log",
            encoding: .utf8
          )
          #expect(!log.contains("secret"))
        }
      }
    }
  }
}
