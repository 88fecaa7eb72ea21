import PoolModel

/// The `flow` of a binding: the server that the client registered through and the stream it did so on, 0 for UDP.
/// Written as `server/flow`.
enum FlowReference {
  /// The text of it.
  static func text(_ place: RouteSeal.Place) -> [UInt8] {
    var text = Array(place.server.rawValue.utf8)
    text.append(UInt8(ascii: "/"))
    text.append(contentsOf: String(place.flow, radix: 16).utf8)
    return text
  }

  /// Reads it; `nil` when it is none.
  static func place(_ text: [UInt8]) -> RouteSeal.Place? {
    guard let slash = text.lastIndex(of: UInt8(ascii: "/")),
      let flow = UInt64(String(decoding: text[(slash + 1)...], as: UTF8.self), radix: 16)
    else { return nil }
    return RouteSeal.Place(server: ServerName(String(decoding: text[..<slash], as: UTF8.self)), flow: flow)
  }
}
