/// Who has registered on which stream of this server: whom it has to move before it closes one.
struct FlowRegistrations {
  /// Users of one stream that are remembered, for a gateway that registers many on one.
  static let mostPerFlow = 1_024

  private var users: [UInt64: [String]] = [:]

  /// A REGISTER of a user that came on a stream was answered with 200.
  mutating func registered(_ user: String, on flow: UInt64) {
    guard flow != 0 else { return }
    let known = users[flow, default: []]
    guard known.count < Self.mostPerFlow, !known.contains(user) else { return }
    users[flow, default: []].append(user)
  }

  /// A stream is gone.
  mutating func ended(_ flow: UInt64) { users[flow] = nil }

  /// Who has registered on a stream.
  func users(on flow: UInt64) -> [String] { users[flow] ?? [] }
}
