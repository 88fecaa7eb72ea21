/// All that is kept of one user's registrations: the bindings, and what the last REGISTERs were, so that a repeat of
/// one of them is known anywhere in the pool.
public struct RegistrationRecord: Sendable, Hashable {
  /// How long a REGISTER is remembered, in milliseconds: 64 times T1, the life of a transaction.
  public static let retention: Int64 = 32_000
  /// The most REGISTERs remembered of one user, one per Call-ID.
  public static let mostRemembered = 16

  /// The bindings in the order in which they were first made; some may have expired.
  public var bindings: [Binding]
  /// The last REGISTER that changed something, of each Call-ID, oldest first.
  public var remembered: [RememberedRegister]
  /// Fields of a later version, kept for it.
  var unknown: [UInt8] = []

  /// Makes a record.
  public init(bindings: [Binding] = [], remembered: [RememberedRegister] = []) {
    self.bindings = bindings
    self.remembered = remembered
  }

  /// The bindings that count now, the highest q first, of equal q the latest written first.
  public func liveBindings(at now: Int64) -> [Binding] {
    // `sorted` is stable in practice but not by contract: the place decides what is left equal.
    bindings.enumerated().filter { $0.element.isLive(at: now) }
      .sorted { a, b in
        if a.element.q != b.element.q { return a.element.q > b.element.q }
        if a.element.updatedAt != b.element.updatedAt { return a.element.updatedAt > b.element.updatedAt }
        return a.offset < b.offset
      }
      .map(\.element)
  }

  /// When the record should be looked at again: the next end of a binding or of what is remembered.
  public var nextChange: Int64? {
    let ends = remembered.map { $0.at.addingReportingOverflow(Self.retention).partialValue }
    return (bindings.map(\.expiresAt) + ends).min()
  }

  /// What is left now; nil when nothing is and the key should be deleted.
  public func purged(at now: Int64) -> RegistrationRecord? {
    var result = self
    result.bindings.removeAll { !$0.isLive(at: now) }
    result.remembered.removeAll { !$0.counts(at: now) }
    return result.bindings.isEmpty && result.remembered.isEmpty ? nil : result
  }
}

/// What a REGISTER was and how it was answered.
public struct RememberedRegister: Sendable, Hashable {
  /// Call-ID.
  public var callID: [UInt8] {
    get { Array(callIDBytes) }
    set { callIDBytes = newValue[...] }
  }
  /// CSeq number.
  public var cseq: UInt32
  /// Branch of the topmost Via of the client; empty when it had none.
  public var branch: [UInt8] {
    get { Array(branchBytes) }
    set { branchBytes = newValue[...] }
  }
  /// Digest over the Contact and Expires values.
  public var digest: UInt64
  /// The status it was answered with.
  public var status: Int
  /// The To tag it was answered with.
  public var toTag: [UInt8] {
    get { Array(toTagBytes) }
    set { toTagBytes = newValue[...] }
  }
  /// When, in milliseconds of pool time.
  public var at: Int64
  /// Fields of a later version, kept for it.
  var unknown: [UInt8] = []
  // As in `Binding`.
  var callIDBytes: ArraySlice<UInt8>
  var branchBytes: ArraySlice<UInt8>
  var toTagBytes: ArraySlice<UInt8>

  /// Makes one.
  public init(
    callID: [UInt8],
    cseq: UInt32,
    branch: [UInt8],
    digest: UInt64,
    status: Int,
    toTag: [UInt8],
    at: Int64
  ) {
    self.init(
      callID: callID[...],
      cseq: cseq,
      branch: branch[...],
      digest: digest,
      status: status,
      toTag: toTag[...],
      at: at
    )
  }

  init(
    callID: ArraySlice<UInt8>,
    cseq: UInt32,
    branch: ArraySlice<UInt8>,
    digest: UInt64,
    status: Int,
    toTag: ArraySlice<UInt8>,
    at: Int64
  ) {
    callIDBytes = callID
    self.cseq = cseq
    branchBytes = branch
    self.digest = digest
    self.status = status
    toTagBytes = toTag
    self.at = at
  }

  /// Whether it is still remembered.
  public func counts(at now: Int64) -> Bool {
    let (age, overflow) = now.subtractingReportingOverflow(at)
    return !overflow && age < RegistrationRecord.retention
  }
}
