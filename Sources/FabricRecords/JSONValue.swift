/// A JSON value (RFC 8259) that loses nothing on a rewrite: members keep their order and numbers their text, so a field
/// that a newer release wrote goes back as it came, whatever its size or precision.
enum JSONValue: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number, as written.
  case number(String)
  /// Text, unescaped.
  case string(String)
  /// An array.
  case array([JSONValue])
  /// An object.
  case object(JSONObject)

  /// A whole number.
  static func integer(_ value: some BinaryInteger) -> Self { .number(String(value)) }

  /// Writes the value compactly behind `bytes`.
  func write(to bytes: inout [UInt8]) {
    switch self {
    case .null: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .number(let text): bytes += text.utf8
    case .string(let text): Self.write(text, to: &bytes)
    case .array(let elements):
      bytes.append(UInt8(ascii: "["))
      for (index, element) in elements.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        element.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      for (index, member) in object.members.enumerated() {
        if index > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.write(member.name, to: &bytes)
        bytes.append(UInt8(ascii: ":"))
        member.value.write(to: &bytes)
      }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x0a: bytes += "\\n".utf8
      case 0x00..<0x20:
        let digits = Array("0123456789abcdef".utf8)
        bytes += "\\u00".utf8
        bytes += [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}

/// An object's members in order. Names are unique.
struct JSONObject: Hashable, Sendable {
  /// One member.
  struct Member: Hashable, Sendable {
    var name: String
    var value: JSONValue
  }

  /// In the order they were written.
  var members: [Member] = []

  /// Reading: the value, `nil` when there is none. Writing: replaces, appends, or with `nil` removes.
  subscript(_ name: String) -> JSONValue? {
    get { members.first { $0.name == name }?.value }
    set {
      let index = members.firstIndex { $0.name == name }
      switch (index, newValue) {
      case (let index?, let value?): members[index].value = value
      case (let index?, nil): members.remove(at: index)
      case (nil, let value?): members.append(Member(name: name, value: value))
      case (nil, nil): break
      }
    }
  }

  /// Takes over the members of `previous` that are not `known` to this release; all that this object has are known.
  mutating func keepUnknown(of previous: JSONObject?, known: Set<String>) {
    guard let previous else { return }
    for member in previous.members where !known.contains(member.name) {
      members.append(member)
    }
  }

  /// Compact UTF-8.
  var bytes: [UInt8] {
    var bytes: [UInt8] = []
    JSONValue.object(self).write(to: &bytes)
    return bytes
  }
}
