/// The comma-separated values of all header fields of one name, in order, found as they are asked for.
///
/// A comma in a quoted string, between `<` and `>`, or in a comment (of header fields that may have comments) does not
/// separate. White space around a value is not part of it. An empty value (",,") is given as an empty slice.
public struct SIPHeaderValues: Sequence, Sendable {
  let message: SIPMessage
  let name: SIPHeaderName

  /// Walks over the values.
  public func makeIterator() -> Iterator { Iterator(message: message, name: name) }

  /// The place of the walk.
  public struct Iterator: IteratorProtocol {
    let message: SIPMessage
    let name: SIPHeaderName
    var nextField = 0
    var at = 0
    var end = 0
    var isInField = false

    init(message: SIPMessage, name: SIPHeaderName) {
      self.message = message
      self.name = name
    }

    /// The next value.
    public mutating func next() -> ArraySlice<UInt8>? {
      guard let range = nextRange() else { return nil }
      return message.bytes[range]
    }

    mutating func nextRange() -> Range<Int>? {
      while !isInField {
        guard nextField < message.fields.count else { return nil }
        let field = message.fields[nextField]
        nextField += 1
        // An empty header field has no values ("Supported:"), which is not the same as an empty value.
        guard field.name == name, !field.range.isEmpty else { continue }
        at = field.range.lowerBound
        end = field.range.upperBound
        isInField = true
      }
      let stop = Self.endOfValue(message.bytes.span, at, end, comments: name.mayHaveComments)
      let value = ByteCursor(message.bytes, at..<stop).trimmedRest
      isInField = stop < end
      at = stop + 1
      return value
    }

    /// The offset of the comma that ends this value, or `end`.
    static func endOfValue(_ bytes: borrowing Span<UInt8>, _ start: Int, _ end: Int, comments: Bool) -> Int {
      var at = start
      var depth = 0
      var isInAngles = false
      while at < end {
        let byte = bytes[at]
        switch byte {
        case UInt8(ascii: ",") where !isInAngles && depth == 0: return at
        case UInt8(ascii: "\"") where !isInAngles && depth == 0:
          at += 1
          while at < end, bytes[at] != UInt8(ascii: "\"") { at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1 }
        case UInt8(ascii: "\\") where depth > 0: at += 1
        case UInt8(ascii: "<") where depth == 0: isInAngles = true
        case UInt8(ascii: ">") where depth == 0: isInAngles = false
        case UInt8(ascii: "(") where comments && !isInAngles: depth += 1
        case UInt8(ascii: ")") where depth > 0: depth -= 1
        default: break
        }
        at += 1
      }
      return end
    }
  }
}

extension SIPHeaderName {
  /// Addresses may have parentheses that are no comment: user parts allow them unescaped.
  var mayHaveComments: Bool {
    switch self {
    case .via, .from, .to, .contact, .route, .recordRoute, .path, .serviceRoute, .referTo, .referredBy,
      .replyTo:
      return false
    default: return true
    }
  }
}
