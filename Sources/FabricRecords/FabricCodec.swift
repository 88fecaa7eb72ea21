import FabricStore
public import PoolModel
public import Replication

/// Writes and reads the control records of the fabric: JSON objects with a `format`, compact, with names that an
/// operator can read. Fields that a newer release added survive a rewrite by this one: give `encode` the value that
/// stands there. Reading anything answers or throws.
public enum FabricCodec {
  /// The format that is written, and the newest that is read.
  public static let format: UInt64 = 1
  /// The most replicas a group's record may list.
  public static let maximumReplicas = 64

  /// The value of key `pool`.
  public static func encode(_ record: PoolRecord, over previous: [UInt8]? = nil) -> [UInt8] {
    var object = JSONObject()
    object["format"] = .integer(format)
    object["name"] = .string(record.name.rawValue)
    object["domain"] = .string(record.domain)
    object["groups"] = .integer(record.groups)
    object["featureLevel"] = .integer(record.featureLevel)
    object.keepUnknown(of: readable(previous), known: ["format", "name", "domain", "groups", "featureLevel"])
    return object.bytes
  }

  /// Reads the value of key `pool`.
  public static func decodePool(_ bytes: [UInt8]) throws(FabricRecordError) -> PoolRecord {
    let fields = try RecordFields(bytes, key: FabricKey.pool.text)
    let groups = try fields.integer("groups", as: Int.self)
    guard (1...FabricKey.maximumGroups).contains(groups) else {
      throw fields.malformed("groups", "is not from 1 to \(FabricKey.maximumGroups)")
    }
    return PoolRecord(
      name: PoolName(try fields.text("name", upTo: 64)),
      domain: try fields.text("domain"),
      groups: groups,
      featureLevel: try fields.integer("featureLevel", as: Int.self)
    )
  }

  /// The value of key `server/<name>`.
  public static func encode(_ record: ServerRecord, over previous: [UInt8]? = nil) -> [UInt8] {
    let previous = readable(previous)
    var object = JSONObject()
    object["format"] = .integer(format)
    object["name"] = .string(record.name.rawValue)
    object["upgradeDomain"] = .string(record.upgradeDomain.rawValue)
    object["service"] = .object(encode(record.service, over: previous?["service"]))
    object.keepUnknown(of: previous, known: ["format", "name", "upgradeDomain", "service"])
    return object.bytes
  }

  /// Reads the value of key `server/<name>`.
  public static func decodeServer(_ bytes: [UInt8], name: ServerName) throws(FabricRecordError)
    -> ServerRecord
  {
    let fields = try RecordFields(bytes, key: FabricKey.server(name).text)
    guard try fields.server("name") == name else { throw fields.malformed("name", "is not that of the key") }
    return ServerRecord(
      name: name,
      upgradeDomain: UpgradeDomain(try fields.text("upgradeDomain", upTo: 64)),
      service: try decodeService(try fields.fields("service"))
    )
  }

  /// The value of key `live/<name>`.
  public static func encode(_ record: LiveRecord, over previous: [UInt8]? = nil) -> [UInt8] {
    var object = JSONObject()
    object["format"] = .integer(format)
    object["name"] = .string(record.name.rawValue)
    object["instance"] = .integer(record.instance)
    object["version"] = .string(record.version)
    object["peerAddress"] = .string(record.peerAddress)
    object["sipAddress"] = .string(record.sipAddress)
    object["processID"] = .integer(record.processID)
    object["bindings"] = .integer(record.bindings)
    object["clockOffsetMilliseconds"] = .integer(record.clockOffsetMilliseconds)
    object["drained"] = .bool(record.drained)
    object["featureLevel"] = .integer(record.featureLevel)
    if let clients = record.clients {
      object["clientsMoved"] = .integer(clients.moved)
      object["clientsNotMoved"] = .integer(clients.notMoved)
    }
    object.keepUnknown(of: readable(previous), known: liveFields)
    return object.bytes
  }

  private static let liveFields: Set<String> = [
    "format", "name", "instance", "version", "peerAddress", "sipAddress", "processID", "bindings",
    "clockOffsetMilliseconds", "drained", "featureLevel", "clientsMoved", "clientsNotMoved",
  ]

  /// Reads the value of key `live/<name>`.
  public static func decodeLive(_ bytes: [UInt8], name: ServerName) throws(FabricRecordError) -> LiveRecord {
    let fields = try RecordFields(bytes, key: FabricKey.live(name).text)
    guard try fields.server("name") == name else { throw fields.malformed("name", "is not that of the key") }
    var clients: ClientTally?
    if fields.has("clientsMoved") {
      clients = ClientTally(
        moved: try fields.integer("clientsMoved", as: Int.self),
        notMoved: try fields.integer("clientsNotMoved", as: Int.self)
      )
    }
    return LiveRecord(
      name: name,
      instance: try fields.integer("instance", as: UInt64.self),
      version: try fields.text("version"),
      peerAddress: try fields.text("peerAddress"),
      sipAddress: try fields.text("sipAddress"),
      processID: try fields.integer("processID", as: Int.self),
      bindings: try fields.integer("bindings", as: Int.self),
      clockOffsetMilliseconds: try fields.integer("clockOffsetMilliseconds", as: Int64.self),
      drained: try fields.bool("drained"),
      featureLevel: try fields.integer("featureLevel", as: Int.self),
      clients: clients
    )
  }

  /// A generation as key `fence/<number>` and key `acts/generation` hold it: decimal digits.
  public static func encode(generation: UInt64) -> [UInt8] { Array(String(generation).utf8) }

  /// Reads a generation; `key` is for the error.
  public static func decodeGeneration(_ bytes: [UInt8], key: FabricKey) throws(FabricRecordError) -> UInt64 {
    guard bytes.count <= 20, let generation = UInt64(String(decoding: bytes, as: UTF8.self)) else {
      throw FabricRecordError(.malformed, key: key.text, "not a generation in decimal digits")
    }
    return generation
  }

  /// The object that a value to be replaced is; `nil` for one that cannot be read, of which nothing can be kept.
  static func readable(_ bytes: [UInt8]?) -> JSONObject? {
    guard let bytes else { return nil }
    return try? JSONReader.object(from: bytes)
  }
}
