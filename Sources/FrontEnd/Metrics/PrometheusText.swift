/// The lexical rules of Prometheus's text format.
enum PrometheusText {
  /// A metric's name: everything but letters, digits and `_` becomes `_`.
  static func name(_ label: String) -> String {
    var name = ""
    for byte in label.utf8 {
      let isDigit = (0x30...0x39).contains(byte)
      let isLetter = (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
      if isDigit && name.isEmpty { name.append("_") }
      name.unicodeScalars.append(isDigit || isLetter ? Unicode.Scalar(byte) : "_")
    }
    return name.isEmpty ? "_" : name
  }

  /// Labels without their braces, in order of name.
  static func labels(_ dimensions: [(String, String)]) -> String {
    dimensions.sorted { $0.0 < $1.0 }
      .map { "\(name($0.0))=\"\(escaped($0.1))\"" }
      .joined(separator: ",")
  }

  /// Labels in braces, or nothing.
  static func braces(_ labels: String) -> String { labels.isEmpty ? "" : "{\(labels)}" }

  /// A number; a whole one without a fraction.
  static func number(_ value: Double) -> String {
    guard value.isFinite else { return value.isNaN ? "NaN" : value < 0 ? "-Inf" : "+Inf" }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return String(value)
  }

  private static func escaped(_ value: String) -> String {
    var text = ""
    for character in value.unicodeScalars {
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.unicodeScalars.append(character)
      }
    }
    return text
  }
}
