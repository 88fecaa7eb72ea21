import Foundation
import PoolDemo
import SIPClient
import Testing

extension IntegrationTests {
  /// The clients of docs/operating/clients.md, which nobody here wrote, on a pool with users.
  @Suite("Clients from Debian", .serialized) struct Clients {
    /// What a client needs of the machine.
    static func has(_ program: String) -> Bool {
      FileManager.default.isExecutableFile(atPath: "/usr/bin/\(program)")
    }

    /// baresip does not start on a machine that has nothing but the loopback.
    static var hasAddress: Bool {
      var list: UnsafeMutablePointer<ifaddrs>?
      guard getifaddrs(&list) == 0 else { return false }
      defer { freeifaddrs(list) }
      var next = list
      while let interface = next?.pointee {
        if interface.ifa_addr?.pointee.sa_family == sa_family_t(AF_INET),
          interface.ifa_flags & UInt32(IFF_LOOPBACK) == 0
        {
          return true
        }
        next = interface.ifa_next
      }
      return false
    }

    /// A pool with alice and bob, who know both algorithms, and carol and dave, who know MD5 only.
    private func withUsers(_ name: String, _ body: (PoolSandbox) async throws -> Void) async throws {
      try await withPool(name, groups: 6) { pool in
        let both = "\(pool.root)/both.csv"
        let old = "\(pool.root)/old.csv"
        try "alice,alice-secret\nbob,bob-secret\n".write(toFile: both, atomically: false, encoding: .utf8)
        try "carol,carol-secret\ndave,dave-secret\n".write(toFile: old, atomically: false, encoding: .utf8)
        try await pool.must("user", "import", pool.poolFile, both)
        try await pool.must("user", "import", pool.poolFile, old, "--md5-only")
        try await pool.waitForUsers(4)
        try await body(pool)
      }
    }

    private func run(_ words: [String], in pool: PoolSandbox, _ tag: String) async throws -> CommandResult {
      try await SpawnedCommand(
        "/bin/sh",
        ["-c", "cd \"$0\" && exec \"$@\"", pool.root] + words,
        logs: pool.logs,
        tag: tag
      ).end(within: .seconds(60))
    }

    @Test(
      "sipsak registers, refreshes and unregisters, over UDP and TCP",
      .enabled(if: has("sipsak"), "no sipsak")
    )
    func sipsak() async throws {
      try await withUsers("sipsak") { pool in
        func register(
          _ server: Int,
          _ contact: String,
          _ expires: Int,
          _ password: String,
          _ more: [String] = []
        )
          async throws -> CommandResult
        {
          try await run(
            ["sipsak", "-i", "-p", "127.0.0.1:\(pool.servers[server].sip)"] + more + [
              "-u", "carol", "-a", password, "-U", "-C", contact, "-x", "\(expires)", "-s",
              "sip:carol@pool.test", "-vv",
            ],
            in: pool,
            "sipsak"
          )
        }
        let contact = "sip:carol@127.0.0.1:7001"
        for (server, more) in [(0, []), (1, []), (2, ["-E", "tcp"])] {
          let result = try await register(server, contact, 600, "carol-secret", more)
          #expect(result.exitCode == 0, "\(result.description)")
        }
        #expect(try await pool.contacts(of: "carol") == [contact])
        let wrong = try await register(0, contact, 0, "guess")
        #expect(wrong.exitCode != 0, "\(wrong.description)")
        #expect(try await pool.contacts(of: "carol") == [contact])
        let gone = try await register(1, "*", 0, "carol-secret")
        #expect(gone.exitCode == 0, "\(gone.description)")
        #expect(try await pool.contacts(of: "carol") == [])
      }
    }

    @Test(
      "SIPp registers, calls and unregisters with Digest, each through another server",
      .enabled(if: has("sipp"), "no sipp")
    )
    func sipp() async throws {
      try await withUsers("sipp") { pool in
        func register(_ server: Int, _ expires: Int) async throws {
          let words = [
            "sipp", "127.0.0.1:\(pool.servers[server].sip)", "-sf",
            TestPrograms.file("sipp/register-digest.xml"),
            "-m", "1",
            "-nostdin", "-i", "127.0.0.1", "-p", "22840", "-au", "dave", "-ap", "dave-secret", "-key", "user",
            "dave",
            "-key", "domain", "pool.test", "-key", "contact", "127.0.0.1:22850", "-key", "expires",
            "\(expires)",
            "-timeout", "10",
          ]
          let result = try await run(words, in: pool, "register")
          #expect(result.exitCode == 0, "\(result.description)")
        }
        try await register(1, 600)
        #expect(try await pool.contacts(of: "dave") == ["sip:dave@127.0.0.1:22850"])
        let answering = try SpawnedCommand(
          "/usr/bin/sipp",
          [
            "-sf", TestPrograms.file("sipp/answer.xml"), "-m", "3", "-nostdin", "-i", "127.0.0.1", "-p",
            "22850",
          ]
            + ["-timeout", "30"],
          logs: pool.logs,
          tag: "answer"
        )
        try await Task.sleep(for: .milliseconds(500))
        let calls = try await run(
          [
            "sipp", "127.0.0.1:\(pool.servers[0].sip)", "-sf", TestPrograms.file("sipp/call.xml"), "-m", "3",
            "-nostdin",
            "-i", "127.0.0.1", "-p", "22860", "-au", "carol", "-ap", "carol-secret", "-key", "user", "carol",
            "-key",
            "domain", "pool.test", "-key", "callee", "dave", "-timeout", "20",
          ],
          in: pool,
          "calls"
        )
        #expect(calls.exitCode == 0, "\(calls.description)")
        let answers = await answering.end(within: .seconds(35))
        #expect(answers.exitCode == 0, "\(answers.description)")
        try await register(2, 0)
        #expect(try await pool.contacts(of: "dave") == [])
      }
    }

    @Test(
      "two linphonec through two servers: a call and a message",
      .enabled(if: has("linphonec"), "no linphonec")
    )
    func linphonec() async throws {
      try await withUsers("linphonec") { pool in
        try await script("linphonec.sh", "/bin/sh", pool, "alice", "bob")
      }
    }

    @Test(
      "two baresip through two servers: a call, a message, and they unregister",
      .enabled(if: has("baresip") && hasAddress, "no baresip, or no address but the loopback")
    )
    func baresip() async throws {
      try await withUsers("baresip") { pool in
        try await script("baresip.sh", "/bin/bash", pool, "carol", "dave")
        #expect(try await pool.contacts(of: "carol") == [])
      }
    }

    private func script(
      _ name: String,
      _ shell: String,
      _ pool: PoolSandbox,
      _ first: String,
      _ second: String
    )
      async throws
    {
      let words = [
        shell, TestPrograms.file("clients/\(name)"), "\(pool.root)/phones", "pool.test",
        "127.0.0.1:\(pool.servers[0].sip)", "127.0.0.1:\(pool.servers[1].sip)", "22810", first, second,
      ]
      let result = try await run(words, in: pool, "phones")
      #expect(result.exitCode == 0, "\(result.description)")
      #expect(result.output.contains("the message has come"), "\(result.description)")
    }
  }
}
