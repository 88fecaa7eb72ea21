import Foundation
import PoolModel
import Testing

@testable import PatchCommands

/// What `quorate fabric-state` prints, to the letter.
@Suite struct FabricStateRenderingTests {
  @Test func aHealthyPool() {
    #expect(
      FabricStateText.render(SampleState.healthy) == """
        Pool demo, 2026-11-23 12:00:00Z, revision 412

        SERVER  STATUS  SERVICE     VERSION  PRIMARIES  REPLICAS  BINDINGS  UPGRADE DOMAIN  REMARK
        fe1     up      in service  1.0.0            1         2      1000  ud-fe1
        fe2     up      in service  1.0.0            1         2      1000  ud-fe2
        fe3     up      in service  1.0.0            0         2      1000  ud-fe3

        GROUP  STATE    PRIMARY  SECONDARIES  MISSING
        rg-0   Healthy  fe1      fe2, fe3     -
        rg-1   Healthy  fe2      fe1, fe3     -

        2 routing groups: 2 healthy
        missing replicas: 0
        groups without a primary: 0
        groups in quorum loss: 0

        The pool is healthy.

        """
    )
  }

  @Test func aBrokenPool() {
    #expect(
      FabricStateText.render(SampleState.broken) == """
        Pool demo, 2026-11-23 12:00:00Z, revision 412

        SERVER  STATUS  SERVICE     VERSION  PRIMARIES  REPLICAS  BINDINGS  UPGRADE DOMAIN  REMARK
        fe1     up      in service  1.0.0            1         2      1000  ud-fe1          clock 1 h ahead
        fe2     down    out         -                0         2         -  ud-fe2          by anna@ops1 for 3 min 20 s, forced: quorate patch
        fe3     down    in service  -                0         2         -  ud-fe3

        GROUP  STATE       PRIMARY     SECONDARIES  MISSING
        rg-0   QuorumLoss  fe1         -            fe2, fe3
        rg-1   Down        none        -            fe3, fe2, 1 not placed
        rg-2   Degraded    fe1 -> fe2  fe2          fe3 (building)

        3 routing groups: 0 healthy, 1 degraded, 1 in quorum loss, 1 down
        missing replicas: 6
        groups without a primary: 1
        groups in quorum loss: 2

        The pool is not healthy.
        If the servers that are down do not come back: quorate reset demo --type quorum-loss-recovery
        To return fe2 to service: quorate failback fe2

        """
    )
  }

  @Test func filtersChooseServersAndGroups() {
    var filter = FabricStateFilter()
    filter.servers = [ServerName("fe2")]
    #expect(filter.groups(of: SampleState.broken).map(\.id.index) == [0, 1, 2])
    #expect(filter.servers(of: SampleState.broken).map(\.name.rawValue) == ["fe2"])
    filter = FabricStateFilter()
    filter.missing = true
    #expect(filter.servers(of: SampleState.broken).map(\.name.rawValue) == ["fe2", "fe3"])
    #expect(filter.groups(of: SampleState.healthy).isEmpty)
    filter = FabricStateFilter()
    filter.groups = [RoutingGroupID(1)]
    #expect(filter.groups(of: SampleState.healthy).map(\.id.index) == [1])
    // What is left out is still counted.
    #expect(FabricStateText.render(SampleState.healthy, filter).contains("2 routing groups: 2 healthy"))
  }

  @Test func theDocumentKeepsItsKeys() throws {
    let text = try JSONText.document(FabricStateDocument(SampleState.broken))
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(
      Set(object.keys) == [
        "format", "pool", "takenAt", "revision", "epoch", "healthy", "serversNeeded", "counts", "servers",
        "groups",
      ]
    )
    #expect(object["takenAt"] as? String == "2026-11-23T12:00:00Z")
    #expect(object["healthy"] as? Bool == false)
    let servers = try #require(object["servers"] as? [[String: Any]])
    #expect(servers[1]["service"] as? String == "out")
    #expect(servers[1]["run"] as? String == "20261123-115640-7f3a")
    let groups = try #require(object["groups"] as? [[String: Any]])
    #expect(groups[0]["missing"] as? [String] == ["fe2", "fe3"])
    #expect(groups[2]["building"] as? [String] == ["fe3"])
  }

  @Test(arguments: [
    ("alice", "sip:alice@example.com"), ("alice@Example.com", "sip:alice@example.com"),
    ("sip:alice@example.com", "sip:alice@example.com"), ("SIP:Alice@other.org", "sip:Alice@other.org"),
  ]) func usersAreRead(_ text: String, _ canonical: String) throws {
    #expect(try UserAddress.canonical(text, domain: "example.com") == canonical)
  }

  @Test(arguments: ["", "@example.com", "a@b@c", "sips:alice@example.com"])
  func otherTextIsNoUser(_ text: String) {
    #expect(throws: CommandFailure.self) { try UserAddress.canonical(text, domain: "example.com") }
  }
}
