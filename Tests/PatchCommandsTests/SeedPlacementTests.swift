import FabricStore
import PoolFile
import PoolModel
import Testing

@testable import PatchCommands

@Suite struct SeedPlacementTests {
  private func file(_ hosts: [String]) throws -> PoolFile {
    let servers = hosts.enumerated().map { number, host in
      "  - {name: fe\(number + 1), sip: \"\(host):\(5_071 + number)\", peer: \"\(host):\(6_071 + number)\", "
        + "http: \"127.0.0.1:\(8_071 + number)\"}"
    }
    let text = "pool: p\ndomain: d.test\nfabric: sqlite:f\nservers:\n" + servers.joined(separator: "\n")
    return try PoolFile.parse(text, path: "/srv/pool.yaml")
  }

  private func member(_ hosts: String...) -> StoreStatus.Member {
    StoreStatus.Member(name: "m", isHealthy: true, isLeader: false, hosts: hosts)
  }

  @Test func aMemberGoesDownWithTheServerOfItsHost() throws {
    let placement = SeedPlacement(try file(["192.0.2.1", "192.0.2.2", "192.0.2.3"]))
    #expect(placement.server(member("192.0.2.2")) == ServerName("fe2"))
    #expect(placement.server(member("198.51.100.1", "192.0.2.3")) == ServerName("fe3"))
    #expect(placement.server(member("198.51.100.1")) == nil && placement.server(member()) == nil)
  }

  @Test func aHostOfSeveralServersIsNoServersOwn() throws {
    let placement = SeedPlacement(try file(["127.0.0.1", "127.0.0.1", "192.0.2.3"]))
    #expect(placement.server(member("127.0.0.1")) == nil)
    #expect(placement.server(member("192.0.2.3")) == ServerName("fe3"))
  }
}
