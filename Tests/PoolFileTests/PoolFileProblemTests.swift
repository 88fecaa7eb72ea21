import PoolFile
import Testing

/// Each mistake in a pool file is reported at its place, all of them at once.
@Suite struct PoolFileProblemTests {
  static let good = """
    pool: demo
    domain: example.com
    fabric: sqlite:fabric.db
    servers:
      - {name: fe1, sip: "127.0.0.1:5071", peer: "127.0.0.1:6071", http: "127.0.0.1:8071"}
      - {name: fe2, sip: "127.0.0.1:5072", peer: "127.0.0.1:6072", http: "127.0.0.1:8072"}
    patch:
      target: 1.10
      apply: "true"

    """

  /// One mistake: what is replaced by what in `good`, and the line that must come out.
  struct Mistake: Sendable, CustomTestStringConvertible {
    var old: String
    var new: String
    var problem: String

    init(_ old: String, _ new: String, _ problem: String) {
      self.old = old
      self.new = new
      self.problem = problem
    }

    var testDescription: String { problem }
  }

  static let mistakes = [
    Mistake("pool: demo", "pol: demo", "1:1: unknown key 'pol' in the pool file; did you mean 'pool'?"),
    Mistake("pool: demo\n", "", "1:1: the pool file has no 'pool'; add 'pool: …'"),
    Mistake(
      "pool: demo",
      "pool: demo\nregistrar: {open: maybe}",
      "2:19: 'open' is 'maybe'; use one of true, false"
    ),
    Mistake(
      "http: \"127.0.0.1:8071\"}",
      "http: \"127.0.0.1:8071\", tls: {address: \"127.0.0.1:5072\", certificate: a, key: b}}",
      "6:22: address 127.0.0.1:5072 is used twice; line 5 has it already; give each its own"
    ),
    Mistake(
      "pool: demo",
      "pool: demo\ngroups: many",
      "2:9: 'groups' is 'many'; use a whole number from 1 to 99999"
    ),
    Mistake(
      "pool: demo",
      "pool: demo\ngroups: 0",
      "2:9: 'groups' is '0'; use a whole number from 1 to 99999"
    ),
    Mistake(
      "pool: demo",
      "pool: demo\nlease-ttl: 2",
      "2:12: 'lease-ttl' is '2', which is no duration; write it like 500ms, 2s, 10m or 1h"
    ),
    Mistake("pool: demo", "pool: demo\nlease-ttl: 1ms", "2:12: 'lease-ttl' is 1ms; use 500ms to 1m"),
    Mistake(
      "pool: demo",
      "pool: ../demo",
      "1:7: '../demo' is no pool name; use 1 to 64 letters, digits, '.', '_' and '-', starting with a letter or digit"
    ),
    Mistake(
      "sqlite:fabric.db",
      "mysql:x",
      "3:9: 'fabric' is 'mysql:x'; write sqlite:FILE, or etcd:https://host:2379,host:2379/prefix"
    ),
    Mistake(
      "name: fe2",
      "name: fe1",
      "6:12: server name 'fe1' is used twice; line 5 has it already; give each its own"
    ),
    Mistake(
      "127.0.0.1:6072",
      "127.0.0.1:5071",
      "6:46: address 127.0.0.1:5071 is used twice; line 5 has it already; give each its own"
    ),
    Mistake(
      "127.0.0.1:5072",
      "127.0.0.1:99999",
      "6:22: 'sip' is '127.0.0.1:99999', which is no address with a port; write 127.0.0.1:5071, [::1]:5071 or a host name"
        + " with a port from 1 to 65535"
    ),
    Mistake(
      "127.0.0.1:5072",
      "127.0.0.300:5072",
      "6:22: 'sip' is '127.0.0.300:5072', which is no address with a port; write 127.0.0.1:5071, [::1]:5071 or a host"
        + " name with a port from 1 to 65535"
    ),
    Mistake(
      "http: \"127.0.0.1:8072\"",
      "htp: x",
      "6:64: unknown key 'htp' in server 2; did you mean 'http'?"
    ),
    Mistake("  apply: \"true\"\n", "", "8:3: 'patch' has no 'apply'; add 'apply: …'"),
    Mistake("target: 1.10", "target: \"1 10\"", "8:11: '1 10' is no version"),
    Mistake(
      "  apply: \"true\"",
      "  apply: \"true\"\n  reboot: perhaps",
      "10:11: 'reboot' is 'perhaps'; use one of never, allowed"
    ),
    Mistake(
      "  apply: \"true\"",
      "  apply: \"true\"\n  reboot: allowed\n  reboot-command: r",
      "10:11: 'reboot' is allowed and there is no 'boot-id-command'"
    ),
    Mistake(
      "  apply: \"true\"",
      "  apply: \"true\"\n  windows: [\"Mon 10:00-11:00\", \"Mon 10:00-10:00\"]",
      "10:32: 'windows': 'Mon 10:00-10:00' is no window; write it like 'Mon-Fri 10:00-16:00 Europe/Berlin'"
    ),
    Mistake(
      "  apply: \"true\"",
      "  apply: \"true\"\n  windows: {Mon: 10}",
      "10:12: 'windows': '' is no window"
    ),
    Mistake(
      "  apply: \"true\"",
      "  apply: \"true\"\n  reboot: allowd",
      "10:11: 'reboot' is 'allowd'; did you mean 'allowed'?"
    ),
    Mistake(
      "pool: demo",
      "pool: demo\npool: demo",
      "1:1: 'pool' is given more than once in the same section"
    ),
    Mistake("domain: example.com", "domain: [a]", "2:9: 'domain' must be text"),
    Mistake("domain: example.com", "domain: a b", "2:9: 'a b' is no SIP domain"),
    Mistake(
      "pool: demo",
      "pool: demo\nservers-needed: 3",
      "2:17: 'servers-needed' is '3'; use a whole number from 1 to 2"
    ),
    Mistake("pool: demo", "pool: \"demo", "not valid YAML"),
  ]

  @Test(arguments: mistakes) func isReportedWithItsPlace(_ mistake: Mistake) throws {
    let text = Self.good.replacing(mistake.old, with: mistake.new, maxReplacements: 1)
    #expect(text != Self.good)
    let error = #expect(throws: PoolFileError.self) { try PoolFile.parse(text, path: "/etc/p/pool.yaml") }
    let description = try #require(error).description
    let prefix = mistake.problem.first?.isNumber == true ? "/etc/p/pool.yaml:" : ""
    #expect(description.contains(prefix + mistake.problem), "\(description)")
  }

  @Test func upgradeDomainOfEveryServerIsRefused() throws {
    let text = Self.good.replacing("name: fe1", with: "name: fe1, upgrade-domain: ud")
      .replacing("name: fe2", with: "name: fe2, upgrade-domain: ud")
    let error = #expect(throws: PoolFileError.self) { try PoolFile.parse(text, path: "/p") }
    #expect(
      try #require(error).description.hasPrefix(
        "/p:5:33: upgrade domain 'ud' holds every server of the pool;"
      )
    )
  }

  @Test func noServerIsRefused() throws {
    let text = "pool: p\ndomain: d.com\nfabric: sqlite:f\nservers: []\n"
    let error = #expect(throws: PoolFileError.self) { try PoolFile.parse(text, path: "/p") }
    #expect(try #require(error).description.hasPrefix("/p:4:10: 'servers' lists no server;"))
  }

  @Test func everyProblemIsReportedAtOnce() throws {
    let text = """
      pool: demo
      pool: demo
      domian: example.com
      fabric: nothing
      servers:
        - {name: fe1, sip: here, peer: "127.0.0.1:1", http: "127.0.0.1:1"}
      patch: {target: "1", apply: "x", timeout: soon, timeout: never}
      """
    let error = #expect(throws: PoolFileError.self) { try PoolFile.parse(text, path: "/p") }
    let problems = try #require(error).problems
    #expect(problems.map(\.line) == [1, 1, 3, 4, 6, 6, 7, 7], "\(problems)")
  }

  @Test(arguments: [
    "", "- a", "42", "{", "\u{0}", "a: &a [*a]", "? [1]\n: 2", String(repeating: "[", count: 20_000),
  ])
  func anythingElseIsRefusedWithoutACrash(_ text: String) {
    #expect(throws: PoolFileError.self) { try PoolFile.parse(text, path: "/p") }
  }
}
