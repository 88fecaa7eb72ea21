import NIOCore

/// An IPv4 or IPv6 address as numbers: a key for tables, cheap to compare, hash and put into a frame.
struct IPAddress: Hashable, Sendable {
  /// The upper half of an IPv6 address; 0 for IPv4.
  let high: UInt64
  /// The lower half, or an IPv4 address.
  let low: UInt64
  /// Which of both.
  let isV6: Bool

  /// The address of a socket address; `nil` for a Unix socket.
  init?(_ address: SocketAddress) {
    // sin_addr is at offset 4 of a sockaddr_in, sin6_addr at offset 8 of a sockaddr_in6.
    switch address {
    case .v4(let v4):
      let word = withUnsafeBytes(of: v4.address) { $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }
      self.init(high: 0, low: UInt64(UInt32(bigEndian: word)), isV6: false)
    case .v6(let v6):
      let (high, low) = withUnsafeBytes(of: v6.address) {
        (
          $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self),
          $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        )
      }
      self.init(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), isV6: true)
    case .unixDomainSocket:
      return nil
    }
  }

  /// An address from its numbers.
  init(high: UInt64, low: UInt64, isV6: Bool) {
    self.high = high
    self.low = low
    self.isV6 = isV6
  }

  /// 127.0.0.0/8, ::1, and the IPv4 one mapped into IPv6.
  var isLoopback: Bool {
    if !isV6 { return low >> 24 == 127 }
    return high == 0 && (low == 1 || low >> 24 == 0xffff7f)
  }

  /// The address as text, IPv6 without brackets.
  var text: String {
    guard isV6 else {
      // At most 15 bytes: such a string lies in itself and is no allocation.
      return String(unsafeUninitializedCapacity: 15) { buffer in
        DottedDecimal(low).write(to: buffer)
      }
    }
    return socketAddress(port: 0)?.ipAddress ?? "::"
  }

  /// Appends the text, an IPv6 address in brackets, and the port: `192.0.2.1:5060`.
  func append(port: UInt16, to bytes: inout [UInt8]) {
    if isV6 { bytes.append(UInt8(ascii: "[")) }
    bytes.append(contentsOf: text.utf8)
    if isV6 { bytes.append(UInt8(ascii: "]")) }
    bytes.append(UInt8(ascii: ":"))
    bytes.append(contentsOf: String(port).utf8)
  }

  /// Writes the number of bytes (4 or 16) and the bytes.
  func write(to buffer: inout ByteBuffer) {
    if isV6 {
      buffer.writeInteger(UInt8(16))
      buffer.writeInteger(high)
      buffer.writeInteger(low)
    } else {
      buffer.writeInteger(UInt8(4))
      buffer.writeInteger(UInt32(truncatingIfNeeded: low))
    }
  }

  /// Reads what `write` wrote.
  static func read(from buffer: inout ByteBuffer) -> IPAddress? {
    switch buffer.readInteger(as: UInt8.self) {
    case 4:
      guard let word: UInt32 = buffer.readInteger() else { return nil }
      return IPAddress(high: 0, low: UInt64(word), isV6: false)
    case 16:
      guard let high: UInt64 = buffer.readInteger(), let low: UInt64 = buffer.readInteger() else {
        return nil
      }
      return IPAddress(high: high, low: low, isV6: true)
    default:
      return nil
    }
  }

  /// The address and a port as NIO takes them.
  func socketAddress(port: Int) -> SocketAddress? {
    var bytes = ByteBuffer()
    if isV6 {
      bytes.writeInteger(high)
      bytes.writeInteger(low)
    } else {
      bytes.writeInteger(UInt32(truncatingIfNeeded: low))
    }
    return try? SocketAddress(packedIPAddress: bytes, port: port)
  }
}

/// Writes an IPv4 address.
private struct DottedDecimal {
  private let address: UInt64

  init(_ address: UInt64) { self.address = address }

  /// Fills the buffer, which has room for 15 bytes, and says how many it took.
  func write(to buffer: UnsafeMutableBufferPointer<UInt8>) -> Int {
    var at = 0
    for place in UInt64(0)..<4 {
      let part = UInt8(truncatingIfNeeded: address >> (24 - 8 * place))
      if place > 0 {
        buffer[at] = UInt8(ascii: ".")
        at += 1
      }
      if part >= 100 {
        buffer[at] = 0x30 &+ part / 100
        at += 1
      }
      if part >= 10 {
        buffer[at] = 0x30 &+ part / 10 % 10
        at += 1
      }
      buffer[at] = 0x30 &+ part % 10
      at += 1
    }
    return at
  }
}
