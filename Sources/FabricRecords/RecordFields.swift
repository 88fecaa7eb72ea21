import FabricStore
import PoolModel

/// Takes the fields of a record's object, and says by name what is wrong with one.
struct RecordFields {
  /// The key of the record.
  let key: String
  /// Where in the record, for people: empty, or `replicas[2].`.
  var path = ""
  let object: JSONObject

  /// The record at `key`, when its format is one that this release knows.
  init(_ bytes: [UInt8], key: String) throws(FabricRecordError) {
    self.key = key
    do throws(JSONReader.Failure) {
      object = try JSONReader.object(from: bytes)
    } catch {
      throw FabricRecordError(.malformed, key: key, "not a record: \(error.problem) (byte \(error.offset))")
    }
    let format = try integer("format", as: UInt64.self)
    guard format >= 1 else { throw malformed("format", "must be at least 1") }
    guard format <= FabricCodec.format else {
      throw FabricRecordError(
        .newerFormat,
        key: key,
        "format \(format) is newer than \(FabricCodec.format), the newest this release reads; use a newer release"
      )
    }
  }

  private init(key: String, path: String, object: JSONObject) {
    self.key = key
    self.path = path
    self.object = object
  }

  func malformed(_ name: String, _ problem: String) -> FabricRecordError {
    FabricRecordError(.malformed, key: key, "\(path)\(name) \(problem)")
  }

  /// Whether the field is there and not `null`.
  func has(_ name: String) -> Bool { object[name].map { $0 != .null } ?? false }

  func text(_ name: String, upTo limit: Int = 1_024) throws(FabricRecordError) -> String {
    guard let value = object[name] else { throw malformed(name, "is missing") }
    guard case .string(let text) = value else { throw malformed(name, "is not text") }
    guard text.utf8.count <= limit else { throw malformed(name, "is longer than \(limit) bytes") }
    return text
  }

  func server(_ name: String) throws(FabricRecordError) -> ServerName {
    let server = ServerName(try text(name))
    guard server.isWellFormed else { throw malformed(name, "is not a server's name") }
    return server
  }

  func integer<Number: FixedWidthInteger>(_ name: String, as type: Number.Type) throws(FabricRecordError)
    -> Number
  {
    guard let value = object[name] else { throw malformed(name, "is missing") }
    guard case .number(let text) = value, let number = Number(text) else {
      throw malformed(name, "is not a whole number from \(Number.min) to \(Number.max)")
    }
    return number
  }

  func bool(_ name: String, default fallback: Bool? = nil) throws(FabricRecordError) -> Bool {
    guard let value = object[name] else {
      guard let fallback else { throw malformed(name, "is missing") }
      return fallback
    }
    guard case .bool(let bool) = value else { throw malformed(name, "is neither true nor false") }
    return bool
  }

  func fields(_ name: String) throws(FabricRecordError) -> RecordFields {
    guard let value = object[name] else { throw malformed(name, "is missing") }
    guard case .object(let object) = value else { throw malformed(name, "is not an object") }
    return RecordFields(key: key, path: "\(path)\(name).", object: object)
  }

  func list(_ name: String, upTo limit: Int) throws(FabricRecordError) -> [RecordFields] {
    guard let value = object[name] else { throw malformed(name, "is missing") }
    guard case .array(let elements) = value else { throw malformed(name, "is not a list") }
    guard elements.count <= limit else { throw malformed(name, "has more than \(limit) elements") }
    var list: [RecordFields] = []
    for (index, element) in elements.enumerated() {
      guard case .object(let object) = element else {
        throw malformed("\(name)[\(index)]", "is not an object")
      }
      list.append(RecordFields(key: key, path: "\(path)\(name)[\(index)].", object: object))
    }
    return list
  }
}
