import FabricRecords
public import FabricStore
import SIPDigest
import SIPMessage

/// The users of a pool as an operator keeps them: in the fabric, as hashes that clients prove to know (RFC 7616), never
/// as passwords. The servers follow them, so a change counts a moment after it was written.
public struct UserDirectory: Sendable {
  /// What a user proves to know.
  public enum Secret: Hashable, Sendable {
    /// A password; hashes by every algorithm are made of it.
    case password(String)
    /// Hashes of `user:realm:password` in lower-case hex. Without one by SHA-256 the user can use MD5 only.
    case hashes(md5: String?, sha256: String?)
  }

  /// A user to be written.
  public struct NewUser: Hashable, Sendable {
    /// The name before the `@`.
    public var name: String
    /// What it proves to know.
    public var secret: Secret

    /// A user.
    public init(name: String, secret: Secret) {
      self.name = name
      self.secret = secret
    }
  }

  /// A user as listed: without any hash.
  public struct Listed: Hashable, Sendable, Codable {
    /// The canonical address-of-record.
    public var addressOfRecord: String
    /// The realm its hashes are of; empty when its record cannot be read.
    public var realm: String
    /// The algorithms it can use.
    public var algorithms: [String]
  }

  /// What writing users did.
  public struct Outcome: Hashable, Sendable, Codable {
    /// Users that were not there before.
    public var added = 0
    /// Users that were, and whose hashes were replaced.
    public var changed = 0
    /// Of both, those that can use MD5 only.
    public var withoutSHA256 = 0
  }

  /// Users of one transaction; the port takes no more.
  static let batch = FabricLimits.operations
  /// Transactions of one commit.
  static let batches = 16

  private let store: any FabricStore
  /// The domain, which is the realm.
  public let realm: String
  private let md5Only: Bool

  /// The users of the pool kept in `store` whose SIP domain is `domain`.
  /// - Parameter md5Only: of passwords only the hash by MD5 is kept: such users are offered nothing else, for phones that
  ///   give up when they are offered SHA-256.
  public init(store: any FabricStore, domain: String, md5Only: Bool = false) {
    self.store = store
    self.md5Only = md5Only
    realm = domain.lowercased()
  }

  /// The canonical address-of-record of a name; `nil` for one that cannot be a user's: the name in an answer to a
  /// challenge, in an address and in our key must be the same text.
  public func addressOfRecord(_ name: String) -> String? {
    let text = "sip:\(name)@\(realm)"
    guard !name.isEmpty, name.utf8.count <= 256, let uri = try? SIPURI(parsing: Array(text.utf8)[...]),
      uri.addressOfRecord == text, !ReservedUser.isReserved(text)
    else { return nil }
    return text
  }

  /// Writes users, new ones and ones that are there. What was written before an error stays.
  /// - Parameter progress: is told how many were written so far.
  public func put(_ users: [NewUser], progress: (Int) -> Void = { _ in }) async throws(FabricStoreError)
    -> Outcome
  {
    var known = try await entries(of: users)
    var outcome = Outcome()
    var done = 0
    for group in Self.split(users, by: Self.batch * Self.batches) {
      var waiting = Self.split(group, by: Self.batch)
      var attempts = 0
      while !waiting.isEmpty {
        attempts += 1
        guard attempts <= 5 else {
          throw FabricStoreError(.unavailable, "others change the same users; try again")
        }
        let transactions = waiting.map { transaction($0, known) }
        let results = try await store.commit(transactions, urgent: false)
        var again: [[NewUser]] = []
        for (users, result) in zip(waiting, results) {
          switch result {
          case .applied:
            count(users, known, &outcome)
            done += users.count
          case .refused(let current, _):
            for user in users { known[key(user.name)] = nil }
            for entry in current { known[entry.key] = entry }
            again.append(users)
          }
        }
        waiting = again
        progress(done)
      }
    }
    return outcome
  }

  /// Removes users by name; answers those that were there.
  public func remove(_ names: [String]) async throws(FabricStoreError) -> [String] {
    var removed: [String] = []
    for name in names {
      let key = key(name)
      let result = try await store.commit(FabricTransaction(when: [.present(key)], then: [.delete(key)]))
      if result.revision != nil { removed.append(name) }
    }
    return removed
  }

  /// All users, in order of their addresses.
  public func list() async throws(FabricStoreError) -> [Listed] {
    try await store.readAll(FabricKey.users).entries.compactMap { entry in
      guard case .user(let addressOfRecord)? = FabricKey(entry.key) else { return nil }
      let record = try? FabricCodec.decodeUser(entry.value, addressOfRecord: addressOfRecord)
      return Listed(
        addressOfRecord: addressOfRecord,
        realm: record?.realm ?? "",
        algorithms: (record?.sha256 == nil ? [] : [DigestAlgorithm.sha256.rawValue])
          + (record?.md5 == nil ? [] : [DigestAlgorithm.md5.rawValue])
      )
    }
  }

  private func key(_ name: String) -> String {
    FabricKey.user(addressOfRecord: addressOfRecord(name) ?? "sip:\(name)@\(realm)").text
  }

  private func entries(of users: [NewUser]) async throws(FabricStoreError) -> [String: Entry] {
    var known: [String: Entry] = [:]
    if users.count > Self.batch {
      for entry in try await store.readAll(FabricKey.users).entries { known[entry.key] = entry }
    } else {
      for user in users {
        if let entry = try await store.read(key(user.name)) { known[entry.key] = entry }
      }
    }
    return known
  }

  private func transaction(_ users: [NewUser], _ known: [String: Entry]) -> FabricTransaction {
    var transaction = FabricTransaction(then: [])
    for user in users {
      let key = key(user.name)
      transaction.comparisons.append(.modRevision(key, known[key]?.modRevision ?? 0))
      transaction.operations.append(
        .put(key, FabricCodec.encode(record(user), over: known[key]?.value))
      )
    }
    return transaction
  }

  private func record(_ user: NewUser) -> UserRecord {
    switch user.secret {
    case .hashes(let md5, let sha256): UserRecord(realm: realm, md5: md5, sha256: sha256)
    case .password(let password):
      UserRecord(
        realm: realm,
        md5: hash(.md5, user.name, password),
        sha256: md5Only ? nil : hash(.sha256, user.name, password)
      )
    }
  }

  private func hash(_ algorithm: DigestAlgorithm, _ name: String, _ password: String) -> String {
    String(decoding: algorithm.ha1(user: name, realm: realm, password: password), as: UTF8.self)
  }

  private func count(_ users: [NewUser], _ known: [String: Entry], _ outcome: inout Outcome) {
    for user in users {
      if known[key(user.name)] == nil { outcome.added += 1 } else { outcome.changed += 1 }
      switch user.secret {
      case .hashes(_, nil): outcome.withoutSHA256 += 1
      case .password where md5Only: outcome.withoutSHA256 += 1
      default: break
      }
    }
  }

  private static func split<Element>(_ elements: [Element], by size: Int) -> [[Element]] {
    stride(from: 0, to: elements.count, by: size).map {
      Array(elements[$0..<min($0 + size, elements.count)])
    }
  }
}
