import FabricStore
import PoolModel

// `{"state":"in"}`, `{"state":"leaving","by":…}`, `{"state":"out","by":…,"reason":…,"since":…}`
extension FabricCodec {
  static func encode(_ service: ServiceState, over previous: JSONValue?) -> JSONObject {
    var object = JSONObject()
    switch service {
    case .inService: object["state"] = .string("in")
    case .leaving: object["state"] = .string("leaving")
    case .out: object["state"] = .string("out")
    }
    guard let mark = service.mark else { return object }
    object["by"] = .string(mark.by)
    object["reason"] = .string(mark.reason)
    object["since"] = .integer(mark.since.milliseconds)
    if mark.forced { object["forced"] = .bool(true) }
    if let drain = mark.drainTime { object["drainMilliseconds"] = .integer(drain.milliseconds) }
    var previousObject: JSONObject?
    // Unknown fields belong to the mark they were written with, not to another one.
    if case .object(let object)? = previous, object["by"] == .string(mark.by),
      object["since"] == .integer(mark.since.milliseconds)
    {
      previousObject = object
    }
    if let act = mark.act {
      var identity = JSONObject()
      identity["run"] = .string(act.run)
      identity["sequence"] = .integer(act.sequence)
      identity["generation"] = .integer(act.generation)
      if case .object(let previous)? = previousObject?["act"], previous["run"] == .string(act.run) {
        identity.keepUnknown(of: previous, known: ["run", "sequence", "generation"])
      }
      object["act"] = .object(identity)
    }
    object.keepUnknown(of: previousObject, known: markFields)
    return object
  }

  private static let markFields: Set<String> = [
    "state", "by", "reason", "since", "forced", "act", "drainMilliseconds",
  ]

  static func decodeService(_ fields: RecordFields) throws(FabricRecordError) -> ServiceState {
    switch try fields.text("state") {
    case "in": .inService
    case "leaving": .leaving(try decodeMark(fields))
    case "out": .out(try decodeMark(fields))
    default: throw fields.malformed("state", "is none of in, leaving, out")
    }
  }

  private static func decodeMark(_ fields: RecordFields) throws(FabricRecordError) -> OutMark {
    var act: ActIdentity?
    if fields.has("act") {
      let identity = try fields.fields("act")
      act = ActIdentity(
        run: try identity.text("run"),
        sequence: try identity.integer("sequence", as: Int.self),
        generation: try identity.integer("generation", as: UInt64.self)
      )
    }
    var drainTime: Duration?
    if fields.has("drainMilliseconds") {
      drainTime = .milliseconds(try fields.integer("drainMilliseconds", as: Int64.self))
    }
    return OutMark(
      by: try fields.text("by"),
      reason: try fields.text("reason", upTo: 65_536),
      since: PoolTime(milliseconds: try fields.integer("since", as: Int64.self)),
      act: act,
      forced: try fields.bool("forced", default: false),
      drainTime: drainTime
    )
  }
}
