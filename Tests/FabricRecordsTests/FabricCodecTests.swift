import FabricRecords
import FabricStore
import PoolModel
import Replication
import Testing

@Suite("Fabric codec")
struct FabricCodecTests {
  static let act = ActIdentity(run: "20261123-120501-7f3a", sequence: 4, generation: .max)
  static let mark = OutMark(
    by: "root@host",
    reason: "patch \"now\"\n\u{1}é",
    since: PoolTime(milliseconds: 1_800_000_000_000),
    act: act,
    forced: true,
    drainTime: .seconds(30)
  )

  @Test("a pool comes back as it was written")
  func pool() throws {
    let record = PoolRecord(name: PoolName("demo"), domain: "example.com", groups: 64, featureLevel: 1)
    #expect(try FabricCodec.decodePool(FabricCodec.encode(record)) == record)
    #expect(
      text(FabricCodec.encode(record))
        == #"{"format":1,"name":"demo","domain":"example.com","groups":64,"featureLevel":1}"#
    )
  }

  @Test(
    "a server comes back as it was written",
    arguments: [.inService, .leaving(mark), .out(mark)] as [ServiceState]
  )
  func server(service: ServiceState) throws {
    let record = ServerRecord(name: ServerName("fe1"), upgradeDomain: UpgradeDomain("a"), service: service)
    #expect(try FabricCodec.decodeServer(FabricCodec.encode(record), name: ServerName("fe1")) == record)
  }

  @Test("a live process comes back as it was written")
  func live() throws {
    let record = LiveRecord(
      name: ServerName("fe1"),
      instance: .max,
      version: "1.2.0",
      peerAddress: "127.0.0.1:1",
      sipAddress: "127.0.0.1:2",
      processID: 77,
      bindings: 3,
      clockOffsetMilliseconds: -2_500,
      drained: true,
      featureLevel: 2,
      clients: ClientTally(moved: 3, notMoved: 1)
    )
    #expect(try FabricCodec.decodeLive(FabricCodec.encode(record), name: ServerName("fe1")) == record)
  }

  @Test("a group comes back as it was written, with and without what may be missing")
  func group() throws {
    var record = GroupRecord(
      id: RoutingGroupID(7),
      generation: 12,
      primary: ServerName("fe1"),
      primaryInstance: 9,
      replicas: [
        ReplicaRecord(server: ServerName("fe1"), builtBy: 9), ReplicaRecord(server: ServerName("fe2")),
      ],
      swap: SwapOffer(target: ServerName("fe2"), targetInstance: 8),
      preferredPrimary: ServerName("fe2")
    )
    #expect(try FabricCodec.decodeGroup(FabricCodec.encode(record), id: record.id) == record)
    record.swap = nil
    record.preferredPrimary = nil
    record.primary = nil
    #expect(try FabricCodec.decodeGroup(FabricCodec.encode(record), id: record.id) == record)
  }

  @Test("fields of a newer release survive a rewrite, at every level that has an identity")
  func unknownFields() throws {
    let written = """
      {"format":1,"zone":{"a":[1,2.50e3,null,true]},"group":7,"generation":12,"primary":"fe1","primaryInstance":9,
       "replicas":[{"server":"fe1","builtBy":9,"weight":18446744073709551616},{"server":"fe2","builtBy":0,"x":1}],
       "swap":{"target":"fe2","targetInstance":8,"why":"even"},"preferredPrimary":"fe2"}
      """
    let id = RoutingGroupID(7)
    var record = try FabricCodec.decodeGroup(Array(written.utf8), id: id)
    record.generation = 13
    record.replicas = [
      ReplicaRecord(server: ServerName("fe3")), ReplicaRecord(server: ServerName("fe1"), builtBy: 10),
    ]
    record.preferredPrimary = nil
    let rewritten = FabricCodec.encode(record, over: Array(written.utf8))
    #expect(
      text(rewritten) == #"{"format":1,"group":7,"generation":13,"primary":"fe1","primaryInstance":9,"#
        + #""replicas":[{"server":"fe3","builtBy":0},{"server":"fe1","builtBy":10,"weight":18446744073709551616}],"#
        + #""swap":{"target":"fe2","targetInstance":8,"why":"even"},"zone":{"a":[1,2.50e3,null,true]}}"#
    )
    record.swap?.targetInstance = 9
    #expect(!text(FabricCodec.encode(record, over: rewritten)).contains("why"))
  }

  @Test("an out-mark keeps its unknown fields, another mark does not get them")
  func unknownFieldsOfMark() throws {
    var record = ServerRecord(
      name: ServerName("fe1"),
      upgradeDomain: UpgradeDomain("a"),
      service: .leaving(Self.mark)
    )
    var written = text(FabricCodec.encode(record))
    written = written.replacing(#""state":"#, with: #""ticket":"CHG-7","state":"#)
    written = written.replacing(#""run":"#, with: #""plan":3,"run":"#)
    record.service = .out(Self.mark)
    let rewritten = text(FabricCodec.encode(record, over: Array(written.utf8)))
    #expect(rewritten.contains(#""ticket":"CHG-7""#) && rewritten.contains(#""plan":3"#))
    record.service = .out(OutMark(by: "other", reason: "", since: Self.mark.since))
    #expect(!text(FabricCodec.encode(record, over: Array(written.utf8))).contains("ticket"))
    record.service = .inService
    #expect(!text(FabricCodec.encode(record, over: Array(written.utf8))).contains("ticket"))
  }

  @Test("a newer format is told from a broken record")
  func newerFormat() {
    let error = #expect(throws: FabricRecordError.self) {
      try FabricCodec.decodePool(Array(#"{"format":2,"name":7}"#.utf8))
    }
    #expect(error?.code == .newerFormat)
    #expect(error?.storeError.code == .newerFormat)
  }

  @Test(
    "a broken record is an error that names the key and the problem",
    arguments: [
      ("", "ends too early"), ("[]", "not an object"), ("{}", "format is missing"),
      (#"{"format":1"#, "comma"),
      (#"{"format":0}"#, "at least 1"), (#"{"format":1} x"#, "behind"),
      (#"{"format":1,"format":1}"#, "twice"),
      (#"{"format":1,"group":7,"replicas":[],"generation":-1}"#, "generation"),
      (#"{"format":1,"group":8,"generation":1,"primaryInstance":1,"replicas":[]}"#, "not that of the key"),
      (#"{"format":1,"group":7,"replicas":[],"generation":1.5}"#, "whole number"),
      (#"{"format":1,"group":7,"generation":1,"replicas":[{"server":"a/b"}]}"#, "not a server's name"),
      (
        #"{"format":1,"group":7,"replicas":[{"server":"a","builtBy":1},{"server":"a","builtBy":1}]}"#,
        "twice"
      ),
      (#"{"format":1,"group":7,"primary":"a","replicas":[]}"#, "has no replica"),
      (#"{"format":1,"group":7,"replicas":{}}"#, "not a list"), (#"{"format":1,"a":"\ud800"}"#, "surrogate"),
      (#"{"format":1,"a":01}"#, "not a JSON value"),
      (String(repeating: "[", count: 40), "too deeply"),
    ]
  )
  func garbage(text: String, problem: String) {
    let error = #expect(throws: FabricRecordError.self) {
      try FabricCodec.decodeGroup(Array(text.utf8), id: RoutingGroupID(7))
    }
    #expect(error?.key == "group/00007")
    #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
  }

  @Test("no cut or flipped byte of a record traps")
  func mutations() throws {
    let record = GroupRecord(
      id: RoutingGroupID(7),
      generation: 12,
      primary: ServerName("fe1"),
      primaryInstance: 9,
      replicas: [ReplicaRecord(server: ServerName("fe1"), builtBy: 9)]
    )
    let bytes = FabricCodec.encode(record)
    for length in bytes.indices {
      #expect(throws: FabricRecordError.self) {
        try FabricCodec.decodeGroup(Array(bytes[..<length]), id: record.id)
      }
    }
    for index in bytes.indices {
      for flip in [0x01, 0x10, 0x80, 0xff] as [UInt8] {
        var broken = bytes
        broken[index] ^= flip
        _ = try? FabricCodec.decodeGroup(broken, id: record.id)
      }
    }
  }

  @Test("escapes are read as RFC 8259 has them")
  func escapes() throws {
    let text = #"{"format":1,"name":"p","domain":"\u00e9\ud83d\ude00\/\n\"","groups":1,"featureLevel":1}"#
    #expect(try FabricCodec.decodePool(Array(text.utf8)).domain == "é😀/\n\"")
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
