/// Why a stored record could not be read.
public enum RegistrationRecordError: Error, Hashable, Sendable {
  /// No bytes.
  case empty
  /// Written in a format that this version does not know.
  case unknownFormat(UInt8)
  /// The bytes end inside a field, or a field has a value that it cannot have.
  case malformed
  /// Larger than a record may be.
  case tooLarge
}

/// Writes tag, length, value. Numbers are variable-length: seven bits a byte, low first.
struct RecordWriter {
  private(set) var bytes: [UInt8] = []

  init(capacity: Int = 0) { bytes.reserveCapacity(capacity) }

  mutating func append(byte: UInt8) { bytes.append(byte) }

  mutating func append(number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(truncatingIfNeeded: rest))
  }

  mutating func field(_ tag: UInt64, _ value: ArraySlice<UInt8>) {
    append(number: tag)
    append(number: UInt64(value.count))
    bytes.append(contentsOf: value)
  }

  /// A field whose value is fields again.
  mutating func field(_ tag: UInt64, _ body: (inout RecordWriter) -> Void) {
    append(number: tag)
    // Nearly all have a length of two bytes.
    let start = bytes.count
    bytes.append(0)
    bytes.append(0)
    body(&self)
    let length = bytes.count - start - 2
    if length < 0x4000 {
      // A short one has two bytes too, the second of them 0: to move what comes behind would cost more.
      bytes[start] = UInt8(truncatingIfNeeded: length) | 0x80
      bytes[start + 1] = UInt8(truncatingIfNeeded: length >> 7)
    } else {
      var number = RecordWriter()
      number.append(number: UInt64(length))
      bytes.replaceSubrange(start..<(start + 2), with: number.bytes)
    }
  }

  mutating func field(_ tag: UInt64, number: UInt64) {
    append(number: tag)
    var length: UInt64 = 1
    var rest = number >> 7
    while rest > 0 {
      length += 1
      rest >>= 7
    }
    append(number: length)
    append(number: number)
  }

  /// Fields that were read and not understood.
  mutating func append(unknown: [UInt8]) { bytes.append(contentsOf: unknown) }
}

/// Reads what `RecordWriter` wrote, and throws on all else.
struct RecordReader {
  private let bytes: [UInt8]
  private var at: Int
  private let end: Int

  init(_ bytes: [UInt8], _ range: Range<Int>) {
    self.bytes = bytes
    at = range.lowerBound
    end = range.upperBound
  }

  mutating func number() throws(RegistrationRecordError) -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while at < end {
      let byte = bytes[at]
      at += 1
      // The tenth byte has room for one bit.
      guard shift < 63 || (shift == 63 && byte <= 1) else { throw .malformed }
      value |= UInt64(byte & 0x7F) << shift
      if byte & 0x80 == 0 { return value }
      shift += 7
    }
    throw .malformed
  }

  /// One field, with the place of its value and of all of it; nil at the end.
  mutating func field() throws(RegistrationRecordError) -> (tag: UInt64, value: Range<Int>, all: Range<Int>)?
  {
    guard at < end else { return nil }
    let start = at
    let tag = try number()
    let length = try number()
    guard length <= UInt64(end - at) else { throw .malformed }
    let value = at..<(at + Int(length))
    at = value.upperBound
    return (tag, value, start..<at)
  }

  /// A value that is one number and nothing else.
  func number(in range: Range<Int>) throws(RegistrationRecordError) -> UInt64 {
    var inner = RecordReader(bytes, range)
    let value = try inner.number()
    guard inner.at == inner.end else { throw .malformed }
    return value
  }

  /// A piece that shares what was read.
  func part(_ range: Range<Int>) -> ArraySlice<UInt8> { bytes[range] }

  func slice(_ range: Range<Int>) -> [UInt8] { Array(bytes[range]) }

  func inner(_ range: Range<Int>) -> RecordReader { RecordReader(bytes, range) }
}
