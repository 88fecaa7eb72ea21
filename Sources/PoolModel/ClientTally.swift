/// What became of the clients of a server that went out, those that had registered over TCP or TLS, counted by connection.
public struct ClientTally: Hashable, Sendable, Codable, CustomStringConvertible {
  /// They were registered through other servers before their connection was closed.
  public var moved: Int
  /// They were not.
  public var notMoved: Int

  /// A tally; nobody by default.
  public init(moved: Int = 0, notMoved: Int = 0) {
    self.moved = moved
    self.notMoved = notMoved
  }

  /// `12 clients moved, 1 not moved`.
  public var description: String { "\(moved) clients moved, \(notMoved) not moved" }
}
