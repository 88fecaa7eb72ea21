/// What does not change in the life of a transaction.
struct TransactionSetup: Sendable {
  /// Of a client transaction; empty in a server transaction.
  var request: [UInt8] = []
  var transport: TransportKind
  var timers: TimerValues
}
