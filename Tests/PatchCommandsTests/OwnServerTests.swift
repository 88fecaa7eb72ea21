import PoolFile
import PoolModel
import Testing

@testable import PatchCommands

/// Which server of a pool is the machine that the command runs on.
@Suite struct OwnServerTests {
  private func file(_ hosts: [String]) throws -> PoolFile {
    var lines = ["pool: p", "domain: example.com", "fabric: sqlite:fabric.db", "servers:"]
    for (index, host) in hosts.enumerated() {
      lines.append(
        "  - {name: fe\(index + 1), sip: \"\(host):50\(61 + index)\", peer: \"\(host):60\(61 + index)\", "
          + "http: \"127.0.0.1:80\(61 + index)\"}"
      )
    }
    return try PoolFile.parse(lines.joined(separator: "\n") + "\n", path: "/srv/pool.yaml")
  }

  @Test func isTheOneWithAnAddressOfThisMachine() throws {
    let file = try file(["10.0.0.1", "10.0.0.2", "10.0.0.3"])
    #expect(OwnServer.find(file, addresses: ["10.0.0.2", "192.168.1.9"]) == ServerName("fe2"))
    #expect(OwnServer.find(file, addresses: ["10.0.0.9"]) == nil)
  }

  @Test func isNoneInAPoolOnOneMachine() throws {
    #expect(OwnServer.find(try file(["10.0.0.1", "10.0.0.1", "10.0.0.1"]), addresses: ["10.0.0.1"]) == nil)
    #expect(!OwnServer.ownAddresses().contains("127.0.0.1"))
    #expect(!OwnServer.ownAddresses().contains("::1"))
  }
}
