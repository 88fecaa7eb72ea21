import FabricRecords
import FabricStore
import PoolModel
import Replication
import Testing

@Suite("Fabric keys and transactions")
struct FabricKeyTests {
  @Test(
    "keys are spelled as the layout has them, and read back",
    arguments: [
      (.pool, "pool"), (.epoch, "epoch"), (.server(ServerName("fe1")), "server/fe1"),
      (.live(ServerName("fe1")), "live/fe1"),
      (.group(RoutingGroupID(7)), "group/00007"), (.fence(RoutingGroupID(99_999)), "fence/99999"),
      (
        .binding(RoutingGroupID(12), addressOfRecord: "sip:a/b@example.com"),
        "binding/00012/sip:a/b@example.com"
      ), (.actGeneration, "acts/generation"),
      (.user(addressOfRecord: "sip:a@example.com"), "user/sip:a@example.com"), (.nonceSecret, "secret/nonce"),
    ] as [(FabricKey, String)]
  )
  func spelling(key: FabricKey, text: String) {
    #expect(key.text == text)
    #expect(FabricKey(text) == key)
  }

  @Test(
    "other keys are not of the layout",
    arguments: [
      "", "/", "server/", "group/7", "group/0000a", "group/000007", "binding/00001", "binding/00001/",
      "run/x", "user/", "secret/other",
    ]
  )
  func others(text: String) { #expect(FabricKey(text) == nil) }

  @Test("the watched range has the control records and no binding")
  func control() {
    for key in ["epoch", "fence/00001", "group/00001", "live/a", "pool", "server/zz"] {
      #expect(FabricKey.control.contains(key), "\(key)")
    }
    for key in ["binding/00001/sip:a@b", "user/sip:a@b", "acts/generation", "audit/1"] {
      #expect(!FabricKey.control.contains(key), "\(key)")
    }
  }

  @Test("an update becomes one transaction")
  func transaction() {
    let id = RoutingGroupID(3)
    let group = GroupRecord(id: id, generation: 8, primary: nil, primaryInstance: 0, replicas: [])
    let update = FabricUpdate(
      when: [
        .epochIs(41), .serverIs(ServerName("a"), revision: 0), .groupIs(id, revision: 5),
        .generationIs(id, 7),
        .generationIs(RoutingGroupID(4), 0), .notLive(ServerName("b")), .liveIs(ServerName("c"), revision: 6),
        .noPool,
      ],
      write: [.group(group, fencing: true), .removeServer(ServerName("b")), .epoch]
    )
    let transaction = update.transaction(previous: ["group/00003": Array(#"{"format":1,"x":1}"#.utf8)])
    #expect(
      transaction.comparisons == [
        .modRevision("epoch", 41), .modRevision("server/a", 0), .modRevision("group/00003", 5),
        .value("fence/00003", Array("7".utf8)), .absent("fence/00004"), .absent("live/b"),
        .modRevision("live/c", 6), .absent("pool"),
      ]
    )
    #expect(transaction.operations.map(\.key) == ["group/00003", "fence/00003", "server/b", "epoch"])
    #expect(transaction.operations[1] == .put("fence/00003", Array("8".utf8)))
    guard case .put(_, let value, nil) = transaction.operations[0] else {
      Issue.record("the group is not put")
      return
    }
    #expect(String(decoding: value, as: UTF8.self).hasSuffix(#","x":1}"#))
  }

  @Test("a change of another key is none of the fabric; a broken record is an error")
  func changes() throws {
    let binding = Entry(key: "binding/00001/sip:a@b", value: [0xff], createRevision: 1, modRevision: 1)
    #expect(try FabricChange(.put(binding)) == nil)
    #expect(try FabricChange(.delete(key: "live/a", revision: 9)) == .live(ServerName("a"), nil))
    let epoch = Entry(key: "epoch", value: [], createRevision: 1, modRevision: 12)
    #expect(try FabricChange(.put(epoch)) == .epoch(12))
    let broken = Entry(key: "live/a", value: [0xff], createRevision: 1, modRevision: 1)
    #expect(throws: FabricRecordError.self) { try FabricChange(.put(broken)) }
  }
}
