import FabricRecords
import FabricStore

/// The users of the pool and the secret that nonces are made with, as they stand in the fabric.
struct PoolCredentials: Sendable {
  /// By canonical address-of-record.
  var users: [String: UserHashes] = [:]
  /// What nonces are made with; `nil` while the fabric has none.
  var secret: [UInt8]?
  /// The secret before that, whose nonces are still taken.
  var previousSecret: [UInt8]?
  /// Records that could not be read: their users are there and can prove nothing.
  var unreadable = 0
  /// The revision of the store that this is of.
  var revision: Revision = 0

  /// Reads everything at one revision. Makes the secret when there is none: whoever is first makes it for all.
  static func read(from store: any FabricStore, realm: String) async throws(FabricStoreError)
    -> PoolCredentials
  {
    if try await store.read(FabricKey.nonceSecret.text) == nil {
      var random = SystemRandomNumberGenerator()
      let secret = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
      _ = try await store.commit(
        FabricTransaction(
          when: [.absent(FabricKey.nonceSecret.text)],
          then: [.put(FabricKey.nonceSecret.text, FabricCodec.encode(nonceSecret: secret))]
        )
      )
    }
    var credentials = PoolCredentials()
    try await store.readPages(FabricKey.users) { page throws(FabricStoreError) in
      for entry in page.entries { credentials.apply(.put(entry), realm: realm) }
      credentials.revision = page.revision
      return true
    }
    let secret = try await store.read(.key(FabricKey.nonceSecret.text), at: credentials.revision, limit: 1)
    for entry in secret.entries { credentials.apply(.put(entry), realm: realm) }
    return credentials
  }

  /// Takes in a change. One of another key changes nothing.
  mutating func apply(_ change: Change, realm: String) {
    guard let key = FabricKey(change.key) else { return }
    switch (key, change) {
    case (.user(let addressOfRecord), .put(let entry)):
      if let record = try? FabricCodec.decodeUser(entry.value, addressOfRecord: addressOfRecord) {
        users[addressOfRecord] = UserHashes(record, realm: realm)
      } else {
        users[addressOfRecord] = UserHashes()
        unreadable += 1
      }
    case (.user(let addressOfRecord), .delete):
      users[addressOfRecord] = nil
    case (.nonceSecret, .put(let entry)):
      guard let new = try? FabricCodec.decodeNonceSecret(entry.value), new != secret else { return }
      previousSecret = secret
      secret = new
    default:
      break
    }
  }
}

/// Follows the credentials in the fabric and brings what changes to the server's loop.
struct CredentialsFollowing: Sendable {
  /// What it brings.
  enum News: Sendable {
    /// Everything, read afresh.
    case image(PoolCredentials)
    /// Changes, in the order of their revisions.
    case changes([Change])
    /// The store cannot be followed for now; for the log.
    case trouble(String)
  }

  let store: any FabricStore
  let realm: String
  /// Where to go on from; `nil` to read first.
  let first: Revision?
  /// Takes news; returns when they were taken, so that a slow loop slows the watch and not the memory.
  let give: @Sendable (News) async -> Void

  /// Follows until the task is cancelled.
  func run() async {
    var next = first
    while !Task.isCancelled {
      do {
        if next == nil {
          let image = try await PoolCredentials.read(from: store, realm: realm)
          next = image.revision &+ 1
          await give(.image(image))
        }
        for try await batch in store.watch(FabricKey.credentials, from: next ?? 1) {
          let changes = batch.changes.filter {
            $0.key.utf8.starts(with: "user/".utf8) || $0.key == FabricKey.nonceSecret.text
          }
          if !changes.isEmpty { await give(.changes(changes)) }
          next = batch.revision &+ 1
        }
      } catch let error as FabricStoreError where error.code == .compacted {
        next = nil
        continue
      } catch {
        await give(.trouble("\(error)"))
      }
      try? await Task.sleep(for: .milliseconds(250))
    }
  }
}
