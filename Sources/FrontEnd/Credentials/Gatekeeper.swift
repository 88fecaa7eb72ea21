import CoreMetrics
import FabricAgent
import FabricStore
import Logging
import NIOCore
import PoolModel
import SIPDigest
import SIPMessage

/// Says who sent a request: checks answers to our challenges by Digest against the users in the fabric. The pool is open,
/// and says so, while it has no users or was asked to be.
///
/// A REGISTER is checked at the primary of its group, where the counts of nonces are kept. Any other request is checked
/// by the server it came to, with nonces that only this server takes.
final class Gatekeeper {
  /// What becomes of a request.
  enum Outcome {
    /// It goes on; the user that it proved to be, `nil` when nobody was asked.
    case passed(String?)
    /// It gets this answer.
    case refused(Int, SIPHeaderBlock)
  }

  /// How long a nonce is good, in milliseconds.
  static let nonceLife: Int64 = 600_000

  private let domain: String
  private let isOpenByWish: Bool
  private let metrics: FrontEndMetrics
  private let logger: Logger
  private let callersRealm: String
  private var credentials: PoolCredentials?
  private var clients: DigestAuthenticator?
  private var callers: DigestAuthenticator?
  private var replays = ReplayGuard()
  private var callerCounts: NonceCounts
  private var recent: RecentProofs
  private var saidOpen = false
  private var lastPurge: Int64 = 0
  private var random = SystemRandomNumberGenerator()
  /// This server leads a group no more, another does: that one should know which counts were used.
  var onHandOver: (ReplayGuard.HandOver, ServerName) -> Void = { _, _ in }

  init(configuration: FrontEndConfiguration, metrics: FrontEndMetrics, logger: Logger) {
    domain = configuration.domain.lowercased()
    isOpenByWish = configuration.isOpen
    self.metrics = metrics
    self.logger = logger
    let now = ServerClock.now()
    callerCounts = NonceCounts(capacity: 65_536, startingAt: 0)
    recent = RecentProofs(at: now)
    // A nonce for callers counts at this process only, so that its counts need not be asked for elsewhere.
    callersRealm = "\(domain) \(configuration.server) \(now.nanoseconds) \(UInt64.random(in: .min ... .max))"
  }

  /// Whether the users are known: before that nobody is let in.
  var isReady: Bool { credentials?.secret != nil }

  /// How many users there are.
  var userCount: Int { credentials?.users.count ?? 0 }

  /// Whether anybody may register as anybody.
  var isOpen: Bool { isOpenByWish || credentials?.users.isEmpty == true }

  /// Whether there can be such a user: in an open pool anybody, else those that the fabric has.
  func mayExist(_ addressOfRecord: String) -> Bool {
    isOpen || credentials?.users[addressOfRecord] != nil
  }

  // MARK: - From the fabric

  /// Everything, read afresh.
  func take(_ image: PoolCredentials) {
    credentials = image
    credentialsChanged()
  }

  /// News of the fabric.
  func take(_ news: CredentialsFollowing.News) {
    switch news {
    case .image(let image): take(image)
    case .changes(let changes):
      for change in changes { credentials?.apply(change, realm: domain) }
      credentialsChanged()
    case .trouble(let text):
      logger.warning("users are not followed", metadata: ["reason": "\(text)"])
    }
  }

  private func credentialsChanged() {
    guard let credentials, let secret = credentials.secret else { return }
    func authenticator(_ realm: String) -> DigestAuthenticator {
      DigestAuthenticator(
        realm: domain,
        nonces: DigestNonceMaker(
          key: secret,
          previousKey: credentials.previousSecret,
          realm: realm,
          life: Self.nonceLife
        )
      )
    }
    clients = authenticator(domain)
    callers = authenticator(callersRealm)
    metrics.users.set(credentials.users.count)
    if credentials.unreadable > 0 {
      logger.warning("user records cannot be read", metadata: ["count": "\(credentials.unreadable)"])
      self.credentials?.unreadable = 0
    }
    if isOpen, !saidOpen {
      logger.warning(
        "THE POOL IS OPEN: anybody may register as anybody",
        metadata: [
          "reason": isOpenByWish ? "the pool file says so" : "the pool has no users: quorate user add"
        ]
      )
    }
    saidOpen = isOpen
  }

  /// The group's route changed.
  func routeChanged(_ group: RoutingGroupID, to route: GroupRoute, at now: PoolTime) {
    switch route {
    case .here(let generation): replays.lead(group, generation: generation, at: now.milliseconds)
    case .elsewhere(let server, _):
      if let handOver = replays.yield(group) { onHandOver(handOver, server) }
    case .held, .unavailable: break
    }
  }

  /// The primary before of a group that this server leads, or is about to, tells which counts were used.
  func takeOver(_ handOver: ReplayGuard.HandOver) {
    metrics.handedOver(isTaken: replays.takeOver(handOver))
  }

  /// Forgets what is too old to matter, once a minute.
  func purge(at now: PoolTime) {
    guard now.milliseconds &- lastPurge >= 60_000 else { return }
    lastPurge = now.milliseconds
    let oldest = now.milliseconds &- Self.nonceLife &- 5_000
    replays.purge(olderThan: oldest)
    callerCounts.purge(olderThan: oldest)
  }

  // MARK: - REGISTER

  /// A REGISTER as it comes in: one without any answer need not go to its primary to be challenged.
  func admit(_ message: SIPMessage, for addressOfRecord: String, at now: PoolTime) -> Outcome {
    if ReservedUser.isReserved(addressOfRecord) { return proof(message, for: addressOfRecord) }
    guard !isOpen else { return .passed(nil) }
    // Whether the answer is one to us is for the primary to see, which reads it anyway.
    guard !message.contains(.authorization) else { return .passed(nil) }
    return challenge(clients, addressOfRecord, proxy: false, isStale: false, at: now)
  }

  /// A REGISTER at the primary of its group.
  /// - Parameter isRepeat: whether it is the exact repeat of one that was decided.
  func check(_ request: PendingRequest, at now: PoolTime, isRepeat: () -> Bool) -> Outcome {
    let addressOfRecord = request.addressOfRecord
    if ReservedUser.isReserved(addressOfRecord) { return proof(request.message, for: addressOfRecord) }
    guard !isOpen else { return .passed(nil) }
    if let proved = request.proved { return .passed(proved) }
    let (verdict, user) = verdict(
      clients,
      request.message,
      proxy: false,
      expected: addressOfRecord,
      group: request.group,
      at: now
    )
    switch verdict {
    case .proved(let nonce, let issuedAt, let count):
      switch replays.use(in: request.group, nonce: nonce, issuedAt: issuedAt, count: count) {
      case .fresh: break
      case .stale:
        guard isRepeat() else {
          return challenge(clients, addressOfRecord, proxy: false, isStale: true, at: now)
        }
      }
      metrics.authenticated(user == addressOfRecord ? "proved" : "other")
      request.proved = user
      return .passed(user)
    case .stale: return challenge(clients, addressOfRecord, proxy: false, isStale: true, at: now)
    case .wrong: return challenge(clients, addressOfRecord, proxy: false, isStale: false, at: now)
    }
  }

  private func proof(_ message: SIPMessage, for addressOfRecord: String) -> Outcome {
    guard let secret = credentials?.secret,
      ReservedUser.isProven(message, addressOfRecord: addressOfRecord, secret: secret)
    else {
      metrics.authenticated("reserved")
      return .refused(403, SIPHeaderBlock())
    }
    return .passed(addressOfRecord)
  }

  // MARK: - Other requests

  /// A request of somebody who says that it is a user of ours (RFC 3261 section 22.3). One of another domain, and what
  /// cannot be challenged (ACK, CANCEL), goes on.
  func checkCaller(_ message: SIPMessage, from source: MessageSource, at now: PoolTime) -> Outcome {
    guard !isOpen, message.method != .ack, message.method != .cancel, let from = try? message.from.uri,
      from.canonicalHost == domain, let addressOfRecord = from.addressOfRecord
    else { return .passed(nil) }
    let (verdict, user) = verdict(callers, message, proxy: true, at: now)
    switch verdict {
    case .proved(let nonce, let issuedAt, let count):
      var hasher = Hasher()
      hasher.combine(source.address)
      hasher.combine(source.port)
      message.bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
      let content = hasher.finalize()
      if callerCounts.use(nonce: nonce, issuedAt: issuedAt, count: count) == .fresh {
        recent.add(nonce: nonce, count: count, request: content, at: ServerClock.now())
      } else if !recent.isRepeat(nonce: nonce, count: count, request: content) {
        return challenge(callers, addressOfRecord, proxy: true, isStale: true, at: now)
      }
      guard user == addressOfRecord else {
        metrics.authenticated("other")
        return .refused(403, SIPHeaderBlock())
      }
      metrics.authenticated("proved")
      return .passed(user)
    case .stale: return challenge(callers, addressOfRecord, proxy: true, isStale: true, at: now)
    case .wrong: return challenge(callers, addressOfRecord, proxy: true, isStale: false, at: now)
    }
  }

  // MARK: - Digest

  /// The verdict on the best of the answers in a request, and the user that it names.
  private func verdict(
    _ authenticator: DigestAuthenticator?,
    _ message: SIPMessage,
    proxy: Bool,
    expected: String? = nil,
    group: RoutingGroupID? = nil,
    at now: PoolTime
  ) -> (DigestAuthenticator.Verdict, String?) {
    var last = (DigestAuthenticator.Verdict.wrong(.wrongRealm), String?.none)
    guard let authenticator, let credentials else { return last }
    let responses = DigestResponse.all(in: message, realm: domain, proxy: proxy)
    if responses.isEmpty, message.contains(proxy ? .proxyAuthorization : .authorization) {
      metrics.authenticated("wrongRealm")
    }
    // A client may answer several challenges at once; each costs two hashes.
    for response in responses.prefix(2) {
      guard let algorithm = response.algorithm else { continue }
      let isExpected = expected.map { isName(response.username, of: $0) } ?? false
      let user = isExpected ? expected : addressOfRecord(of: response.username)
      let hashes = user.flatMap { credentials.users[$0] } ?? UserHashes()
      let verdict = authenticator.verdict(
        on: response,
        method: message.methodBytes,
        secrets: hashes.secrets(for: algorithm),
        issuedAt: group.flatMap { replays.issuedAt(of: response.nonce, in: $0) },
        at: now.milliseconds
      )
      last = (verdict, user)
      if case .wrong(let reason) = verdict { metrics.authenticated(reason.rawValue) } else { return last }
    }
    return last
  }

  /// Whether a name in an answer is plainly that of the user expected: to read it as a URI would come to the same.
  private func isName(_ username: [UInt8], of addressOfRecord: String) -> Bool {
    let text = addressOfRecord.utf8
    guard text.count == 5 + username.count + domain.utf8.count, text.starts(with: "sip:".utf8),
      text.dropFirst(4).prefix(username.count).elementsEqual(username),
      text.dropFirst(4 + username.count).first == UInt8(ascii: "@"),
      text.suffix(domain.utf8.count).elementsEqual(domain.utf8)
    else { return false }
    // What may be an escape or ends the user is for the grammar to say.
    return username.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_")
    }
  }

  /// The user that a name in an answer means: `alice` is `sip:alice@domain`.
  private func addressOfRecord(of username: [UInt8]) -> String? {
    guard !username.isEmpty, username.count <= 256 else { return nil }
    let text = Array("sip:".utf8) + username + Array("@\(domain)".utf8)
    return (try? SIPURI(parsing: text[...]))?.addressOfRecord
  }

  private func challenge(
    _ authenticator: DigestAuthenticator?,
    _ addressOfRecord: String,
    proxy: Bool,
    isStale: Bool,
    at now: PoolTime
  ) -> Outcome {
    metrics.authenticated(isStale ? "stale" : "challenged")
    let challenges = try? authenticator?.challenges(
      isStale: isStale,
      proxy: proxy,
      usable: credentials?.users[addressOfRecord]?.usable,
      at: max(now.milliseconds, replays.floor) &+ 1,
      salt: UInt64.random(in: .min ... .max, using: &random)
    )
    return .refused(proxy ? 407 : 401, challenges ?? SIPHeaderBlock())
  }
}
