import PoolModel
import SIPMessage

/// Where a stateless proxy keeps what it has to know later: in its own Via and Record-Route, sealed, so that nobody can
/// make one up and have the pool send to whom it would not. All servers of a pool have the same key, so a dialog goes on
/// when the server it was set up through is replaced.
struct RouteSeal {
  private let key: KeyedHash.Key

  /// A seal made from a secret of the pool.
  init(secret: [UInt8]) { key = KeyedHash.Key(secret: secret, purpose: "route 1") }

  /// A stream of one of the pool's servers; flow 0 is UDP.
  struct Place: Hashable {
    var server: ServerName
    var flow: UInt64

    /// UDP, wherever.
    static func datagram(of server: ServerName) -> Place { Place(server: server, flow: 0) }
  }

  // MARK: - Branches

  /// A branch that is the same for every copy of a request, and for its CANCEL and ACK (RFC 3261 section 16.11), and
  /// carries the flow that its response goes back by.
  func branch(for message: SIPMessage, via: Via, flow: UInt64) -> [UInt8] {
    var hash = KeyedHash(key: key)
    hash.combine(field: via.host)
    hash.combine(field: Array(String(via.port ?? 0).utf8)[...])
    hash.combine(field: via.branch ?? [])
    hash.combine(field: message.requestURIBytes)
    if !via.hasMagicCookie {
      hash.combine(field: message.header(.callID) ?? [])
      hash.combine(field: message.header(.from) ?? [])
      hash.combine(field: Array(String((try? message.cseq.number) ?? 0).utf8)[...])
    }
    let open = "q1-\(Self.text(hash.finish()))-\(String(flow, radix: 16))"
    return Array("z9hG4bK\(open)-\(seal(open))".utf8)
  }

  /// The flow of a branch of ours; `nil` when it is none.
  func flow(ofBranch branch: ArraySlice<UInt8>) -> UInt64? {
    guard branch.starts(with: Array("z9hG4bKq1-".utf8)) else { return nil }
    let text = String(decoding: branch, as: UTF8.self)
    let parts = text.dropFirst(7).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, let flow = UInt64(parts[2], radix: 16) else { return nil }
    guard seal("q1-\(parts[1])-\(parts[2])") == parts[3] else { return nil }
    return flow
  }

  // MARK: - Loops

  /// A Via parameter by which the request is known again. Not a part of the branch, which must be the same for a CANCEL
  /// and an ACK, whose tags and methods differ.
  func loopParameter(for message: SIPMessage) -> [UInt8] {
    Array(";qloop=".utf8) + KeyedHash.hex(message.loopHash(key: key))
  }

  /// Whether the request has been at a server of the pool before, and is still the same (RFC 3261 section 16.3 step 4).
  func hasLooped(_ message: SIPMessage) -> Bool {
    guard let vias = try? message.vias, vias.count > 1 else { return false }
    let marks = vias.compactMap { $0.parameters.value("qloop") }
    guard !marks.isEmpty else { return false }
    let own = KeyedHash.hex(message.loopHash(key: key))
    return marks.contains { $0.elementsEqual(own) }
  }

  // MARK: - Record-Route

  /// The user part of our Record-Route: both ends of the dialog.
  func token(caller: Place, callee: Place, callID: ArraySlice<UInt8>) -> String {
    let open =
      "\(caller.server)!\(String(caller.flow, radix: 16))!\(callee.server)!\(String(callee.flow, radix: 16))"
    return "\(open)!\(seal("\(open)!\(String(decoding: callID, as: UTF8.self))"))"
  }

  /// Both ends, when the token is ours and of this dialog.
  func places(of token: ArraySlice<UInt8>, callID: ArraySlice<UInt8>) -> (caller: Place, callee: Place)? {
    let text = String(decoding: token, as: UTF8.self)
    let parts = text.split(separator: "!", omittingEmptySubsequences: false)
    guard parts.count == 5, let first = UInt64(parts[1], radix: 16), let second = UInt64(parts[3], radix: 16)
    else { return nil }
    let open = parts[..<4].joined(separator: "!")
    guard seal("\(open)!\(String(decoding: callID, as: UTF8.self))") == parts[4] else { return nil }
    return (
      Place(server: ServerName(String(parts[0])), flow: first),
      Place(server: ServerName(String(parts[2])), flow: second)
    )
  }

  private func seal(_ text: String) -> String {
    var hash = KeyedHash(key: key)
    hash.combine(field: Array(text.utf8)[...])
    return Self.text(hash.finish())
  }

  private static func text(_ value: UInt64) -> String {
    String(decoding: KeyedHash.hex(value), as: UTF8.self)
  }
}
