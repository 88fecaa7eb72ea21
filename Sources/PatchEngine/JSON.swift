import Foundation

/// The journal's encoding: JSON with sorted keys, so that equal values have equal bytes.
enum JSON {
  static func encode(_ value: some Encodable) throws(PatchEngineError) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return Array(try encoder.encode(value)) } catch {
      throw PatchEngineError(.journal, "a record cannot be written: \(error)")
    }
  }

  static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8], _ what: String)
    throws(PatchEngineError) -> Value
  {
    do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
      throw PatchEngineError(.journal, "\(what) cannot be read: it was damaged or written by another release")
    }
  }
}
