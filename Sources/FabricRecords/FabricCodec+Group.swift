import FabricStore
public import PoolModel
public import Replication

extension FabricCodec {
  /// The value of key `group/<number>`. Unknown fields of a replica stay with its server, those of a swap with its
  /// target.
  public static func encode(_ record: GroupRecord, over previous: [UInt8]? = nil) -> [UInt8] {
    let previous = readable(previous)
    var object = JSONObject()
    object["format"] = .integer(format)
    object["group"] = .integer(record.id.index)
    object["generation"] = .integer(record.generation)
    if let primary = record.primary { object["primary"] = .string(primary.rawValue) }
    object["primaryInstance"] = .integer(record.primaryInstance)
    object["replicas"] = .array(encode(record.replicas, over: previous?["replicas"]))
    if let swap = record.swap { object["swap"] = .object(encode(swap, over: previous?["swap"])) }
    if let preferred = record.preferredPrimary { object["preferredPrimary"] = .string(preferred.rawValue) }
    object.keepUnknown(of: previous, known: groupFields)
    return object.bytes
  }

  private static let groupFields: Set<String> = [
    "format", "group", "generation", "primary", "primaryInstance", "replicas", "swap", "preferredPrimary",
  ]

  private static func encode(_ replicas: [ReplicaRecord], over previous: JSONValue?) -> [JSONValue] {
    var known: [String: JSONObject] = [:]
    if case .array(let elements)? = previous {
      for case .object(let element) in elements {
        if case .string(let server)? = element["server"] { known[server] = element }
      }
    }
    return replicas.map { replica in
      var object = JSONObject()
      object["server"] = .string(replica.server.rawValue)
      object["builtBy"] = .integer(replica.builtBy)
      object.keepUnknown(of: known[replica.server.rawValue], known: ["server", "builtBy"])
      return .object(object)
    }
  }

  private static func encode(_ swap: SwapOffer, over previous: JSONValue?) -> JSONObject {
    var object = JSONObject()
    object["target"] = .string(swap.target.rawValue)
    object["targetInstance"] = .integer(swap.targetInstance)
    if case .object(let previous)? = previous, previous["target"] == .string(swap.target.rawValue),
      previous["targetInstance"] == .integer(swap.targetInstance)
    {
      object.keepUnknown(of: previous, known: ["target", "targetInstance"])
    }
    return object
  }

  /// Reads the value of key `group/<number>`.
  public static func decodeGroup(_ bytes: [UInt8], id: RoutingGroupID) throws(FabricRecordError)
    -> GroupRecord
  {
    let fields = try RecordFields(bytes, key: FabricKey.group(id).text)
    guard try fields.integer("group", as: Int.self) == id.index else {
      throw fields.malformed("group", "is not that of the key")
    }
    var replicas: [ReplicaRecord] = []
    for replica in try fields.list("replicas", upTo: maximumReplicas) {
      let server = try replica.server("server")
      guard !replicas.contains(where: { $0.server == server }) else {
        throw replica.malformed("server", "is there twice: \(server)")
      }
      replicas.append(ReplicaRecord(server: server, builtBy: try replica.integer("builtBy", as: UInt64.self)))
    }
    let primary = fields.has("primary") ? try fields.server("primary") : nil
    if let primary, !replicas.contains(where: { $0.server == primary }) {
      throw fields.malformed("primary", "has no replica: \(primary)")
    }
    var swap: SwapOffer?
    if fields.has("swap") {
      let offer = try fields.fields("swap")
      swap = SwapOffer(
        target: try offer.server("target"),
        targetInstance: try offer.integer("targetInstance", as: UInt64.self)
      )
    }
    return GroupRecord(
      id: id,
      generation: try fields.integer("generation", as: UInt64.self),
      primary: primary,
      primaryInstance: try fields.integer("primaryInstance", as: UInt64.self),
      replicas: replicas,
      swap: swap,
      preferredPrimary: fields.has("preferredPrimary") ? try fields.server("preferredPrimary") : nil
    )
  }
}
