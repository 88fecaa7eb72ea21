import FabricStore

/// Reads the events of a watch out of a line as etcd's gateway writes it: only members whose values are text without escapes. Foundation's
/// decoder takes several times as long, and a server reads an event for each REGISTER of the pool. A line that looks
/// different in anything is left to Foundation.
struct EtcdEventText {
  /// A key as it was changed.
  struct Event {
    var isDeletion = false
    var key: ArraySlice<UInt8> = []
    var value: ArraySlice<UInt8> = []
    var createRevision: Revision = 0
    var modRevision: Revision = 0
    var lease: UInt64 = 0
  }

  private let bytes: [UInt8]
  private var place = 0

  private init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The events of a line, keys and values still in base64; `nil` when it is not a line of nothing but events.
  static func events(in line: [UInt8]) -> [Event]? {
    var text = EtcdEventText(line)
    return text.line()
  }

  private mutating func line() -> [Event]? {
    // {"result":{"header":{...},"events":[...]}}
    guard take("{"), string() == "result", take(":"), take("{"), string() == "header", take(":"),
      flat() != nil,
      take(","), string() == "events", take(":"), take("[")
    else { return nil }
    var events: [Event] = []
    repeat {
      guard let event = event() else { return nil }
      events.append(event)
    } while take(",")
    guard take("]"), take("}"), take("}"), place == bytes.count else { return nil }
    return events
  }

  private mutating func event() -> Event? {
    guard take("{") else { return nil }
    var event = Event()
    repeat {
      guard let name = string(), take(":") else { return nil }
      switch name {
      case "type":
        guard let kind = string() else { return nil }
        event.isDeletion = kind == "DELETE"
      case "kv":
        guard let members = flat() else { return nil }
        for (name, value) in members {
          switch name {
          case "key": event.key = value
          case "value": event.value = value
          case "create_revision", "mod_revision", "lease", "version":
            guard let number = Self.number(value) else { return nil }
            switch name {
            case "create_revision": event.createRevision = number
            case "mod_revision": event.modRevision = number
            case "lease": event.lease = number
            default: break
            }
          default: return nil
          }
        }
      default: return nil
      }
    } while take(",")
    return take("}") ? event : nil
  }

  /// An object whose values are all text.
  private mutating func flat() -> [(name: ArraySlice<UInt8>, value: ArraySlice<UInt8>)]? {
    guard take("{") else { return nil }
    var members: [(ArraySlice<UInt8>, ArraySlice<UInt8>)] = []
    repeat {
      guard let name = string(), take(":"), let value = string() else { return nil }
      members.append((name, value))
    } while take(",")
    return take("}") ? members : nil
  }

  private mutating func take(_ letter: Unicode.Scalar) -> Bool {
    guard place < bytes.count, bytes[place] == UInt8(ascii: letter) else { return false }
    place += 1
    return true
  }

  /// What stands between two quotation marks.
  private mutating func string() -> ArraySlice<UInt8>? {
    guard take("\"") else { return nil }
    let start = place
    while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
      guard bytes[place] != UInt8(ascii: "\\") else { return nil }
      place += 1
    }
    guard place < bytes.count else { return nil }
    defer { place += 1 }
    return bytes[start..<place]
  }

  private static func number(_ digits: ArraySlice<UInt8>) -> UInt64? {
    var number: UInt64 = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      let (product, isOver) = number.multipliedReportingOverflow(by: 10)
      let (sum, isMore) = product.addingReportingOverflow(UInt64(digit - 0x30))
      guard !isOver, !isMore else { return nil }
      number = sum
    }
    return digits.isEmpty ? nil : number
  }
}

private func == (text: ArraySlice<UInt8>?, word: StaticString) -> Bool {
  text.map { word ~= $0 } ?? false
}

private func ~= (word: StaticString, text: ArraySlice<UInt8>) -> Bool {
  word.withUTF8Buffer { text.elementsEqual($0) }
}
