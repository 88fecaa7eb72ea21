import PoolModel
import SIPMessage

/// Where the proxy keeps what it has to know later: sealed, in its own Record-Route, so that nobody can make one up and
/// have the pool send to whom it would not. All servers of a pool have the same key, so a dialog goes on when the server
/// it was set up through is replaced.
struct RouteSeal {
  private let key: KeyedHash.Key

  /// A seal made from a secret of the pool.
  init(secret: [UInt8]) { key = KeyedHash.Key(secret: secret, purpose: "route 1") }

  /// An end of a dialog as a server of the pool reaches it.
  struct Place: Hashable {
    var server: ServerName
    /// The stream at that server; 0 for UDP, or for a stream that is opened when it is needed.
    var flow: UInt64
    /// Where a client over UDP was seen that is not where it says: behind a NAT, only from that server it is let through.
    var seen: ClientAddress?

    /// Wherever its Contact says.
    static func datagram(of server: ServerName) -> Place { Place(server: server, flow: 0) }

    /// Whether its Contact says where it is.
    var isPlain: Bool { flow == 0 && seen == nil }
  }

  /// Which end a Record-Route value is shown to.
  enum Side: String {
    case caller = "c"
    case callee = "d"
    /// To both: then both are where their Contacts say.
    case both = "b"
  }

  /// What a Record-Route value of ours says.
  struct Dialog: Hashable {
    var caller: Place
    var callee: Place
    var side: Side
  }

  // MARK: - Record-Route

  /// The user part of our Record-Route.
  func token(_ dialog: Dialog, callID: ArraySlice<UInt8>) -> String {
    let open = "2!\(dialog.side.rawValue)!\(Self.text(dialog.caller))!\(Self.text(dialog.callee))"
    return "\(open)!\(seal(open, callID))"
  }

  /// What a token says, when it is ours and of this dialog.
  func dialog(of token: ArraySlice<UInt8>, callID: ArraySlice<UInt8>) -> Dialog? {
    guard token.starts(with: [0x32, 0x21]), token.count < 512 else { return nil }
    let text = String(decoding: token, as: UTF8.self)
    let parts = text.split(separator: "!", omittingEmptySubsequences: false)
    guard parts.count == 7, let side = Side(rawValue: String(parts[1])),
      let caller = Self.place(parts[2], parts[3]), let callee = Self.place(parts[4], parts[5]),
      seal(parts[..<6].joined(separator: "!"), callID) == parts[6]
    else { return nil }
    return Dialog(caller: caller, callee: callee, side: side)
  }

  /// The flow of a UDP client is `u`, address and port.
  private static func text(_ place: Place) -> String {
    guard let seen = place.seen else { return "\(place.server)!\(String(place.flow, radix: 16))" }
    let high = seen.address.isV6 ? text(seen.address.high) : ""
    return "\(place.server)!u\(high)\(text(seen.address.low))\(String(seen.port, radix: 16))"
  }

  private static func place(_ server: Substring, _ way: Substring) -> Place? {
    var place = Place(server: ServerName(String(server)), flow: 0)
    guard way.first == "u" else {
      guard let flow = UInt64(way, radix: 16) else { return nil }
      place.flow = flow
      return place
    }
    let digits = way.dropFirst()
    let isV6 = digits.count > 32
    let high = isV6 ? UInt64(digits.prefix(16), radix: 16) : 0
    let rest = isV6 ? digits.dropFirst(16) : digits
    guard let high, let low = UInt64(rest.prefix(16), radix: 16),
      let port = UInt16(rest.dropFirst(16), radix: 16)
    else { return nil }
    place.seen = ClientAddress(address: IPAddress(high: high, low: low, isV6: isV6), port: port)
    return place
  }

  // MARK: - Branches

  private static let relayPrefix = "z9hG4bKq3-"

  /// The branch of a request that this server hands to a client for another server of the pool: the same for every copy
  /// of it, and it says where the response goes.
  func relayBranch(of via: Via, for server: ServerName) -> [UInt8] {
    var hash = KeyedHash(key: key)
    hash.combine(field: via.branch ?? [])
    let name = server.rawValue.utf8.map { Self.digits($0) }.joined()
    let open = "\(Self.text(hash.finish()))-\(name)"
    return Array("\(Self.relayPrefix)\(open)-\(seal(open, []))".utf8)
  }

  /// The server that a response to such a request goes to; `nil` when the branch is none of ours.
  func server(ofRelayBranch branch: ArraySlice<UInt8>) -> ServerName? {
    guard branch.starts(with: Self.relayPrefix.utf8), branch.count < 512 else { return nil }
    let text = String(decoding: branch.dropFirst(Self.relayPrefix.utf8.count), as: UTF8.self)
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, seal("\(parts[0])-\(parts[1])", []) == parts[2] else { return nil }
    var name: [UInt8] = []
    var rest = parts[1]
    while !rest.isEmpty {
      guard let byte = UInt8(rest.prefix(2), radix: 16) else { return nil }
      name.append(byte)
      rest = rest.dropFirst(2)
    }
    return ServerName(String(decoding: name, as: UTF8.self))
  }

  private func seal(_ text: String, _ callID: ArraySlice<UInt8>) -> String {
    var hash = KeyedHash(key: key)
    hash.combine(field: Array(text.utf8)[...])
    hash.combine(field: callID)
    return Self.text(hash.finish())
  }

  private static func text(_ value: UInt64) -> String {
    String(decoding: KeyedHash.hex(value), as: UTF8.self)
  }

  private static func digits(_ byte: UInt8) -> String {
    (byte < 16 ? "0" : "") + String(byte, radix: 16)
  }
}
