/// The STUN Binding response with which a client over UDP keeps its flow alive and sees its own address change
/// (RFC 5626 section 3.5.2, RFC 5389 section 15.2). Nothing else of STUN is needed.
enum STUNBinding {
  private static let cookie: [UInt8] = [0x21, 0x12, 0xa4, 0x42]

  /// The response to a datagram that is a Binding request; `nil` for any other.
  static func response(to request: [UInt8], from address: IPAddress, port: UInt16) -> [UInt8]? {
    guard request.count >= 20, request[0] == 0x00, request[1] == 0x01, request[4..<8].elementsEqual(cookie),
      Int(request[2]) << 8 | Int(request[3]) == request.count - 20
    else { return nil }
    let transaction = request[8..<20]
    var value: [UInt8] = [0, address.isV6 ? 2 : 1]
    value += bytes(UInt64(port) ^ 0x2112, count: 2)
    if address.isV6 {
      let plain = bytes(address.high, count: 8) + bytes(address.low, count: 8)
      value += zip(plain, cookie + transaction).map { $0 ^ $1 }
    } else {
      value += bytes(address.low ^ 0x2112_a442, count: 4)
    }
    // XOR-MAPPED-ADDRESS.
    let attribute: [UInt8] = [0x00, 0x20] + bytes(UInt64(value.count), count: 2) + value
    return [0x01, 0x01] + bytes(UInt64(attribute.count), count: 2) + cookie + transaction + attribute
  }

  private static func bytes(_ value: UInt64, count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
  }
}
