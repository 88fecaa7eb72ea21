/// What a request is for.
enum RequestKind: Hashable, Sendable {
  /// Register or refresh the user's contact.
  case register
  /// Remove the user's contact.
  case remove
  /// Ask for the user's bindings.
  case query
  /// A MESSAGE to that user.
  case message(to: Int)

  /// The SIP method.
  var method: String {
    switch self {
    case .register, .remove, .query: "REGISTER"
    case .message: "MESSAGE"
    }
  }
}

/// The identity of a transaction, carried in its branch (RFC 3261 section 8.1.1.7), so that an answer finds its request
/// without a table of strings: `z9hG4bK-q<request>.<transaction>`, both in hexadecimal.
struct TransactionID: Hashable, Sendable {
  /// The request.
  var request: UInt64
  /// Which of its transactions.
  var transaction: UInt16

  /// The branch parameter.
  var branch: String { "z9hG4bK-q\(String(request, radix: 16)).\(String(transaction, radix: 16))" }

  init(request: UInt64, transaction: UInt16) {
    self.request = request
    self.transaction = transaction
  }

  /// Reads a branch that `branch` wrote; `nil` for any other.
  init?(branch: some StringProtocol) {
    guard branch.hasPrefix("z9hG4bK-q") else { return nil }
    let parts = branch.dropFirst(9).split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 2, let request = UInt64(parts[0], radix: 16),
      let number = UInt16(parts[1], radix: 16)
    else {
      return nil
    }
    self.request = request
    transaction = number
  }
}
