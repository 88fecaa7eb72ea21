public import NIOCore
public import NIOPosix
public import PoolDriving
public import PoolModel
import SIPDigest

/// Proves that a server serves by what users do: over UDP, at its SIP address, it registers a contact for a reserved
/// address-of-record, asks for it, and removes it again. Each must be answered with 200, the second with the contact.
///
/// While the server answers 503 or not at all, for it may just be taking up its service, it is asked again until the
/// patience ends.
public struct SIPRegistrationProof: Sendable {
  /// The domain of the reserved users.
  public let domain: String
  /// How long it goes on asking.
  public let patience: Duration
  private let group: any EventLoopGroup
  private let secret: @Sendable () async -> [UInt8]?

  /// A proof for servers of the SIP domain `domain`.
  /// - Parameter secret: finds the pool's secret of nonces, by which the servers know that the reserved user is registered
  ///   by the pool's own tool; `nil` when there is none.
  public init(
    domain: String,
    patience: Duration = .seconds(10),
    group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton,
    secret: @escaping @Sendable () async -> [UInt8]? = { nil }
  ) {
    self.secret = secret
    self.domain = domain
    self.patience = patience
    self.group = group
  }

  /// The proof as the driver takes it.
  public var proof: FrontEndPoolDriver.Proof {
    { (server, sipAddress) async throws(PoolDriverError) in try await prove(server, at: sipAddress) }
  }

  /// The user that stands for a server in proofs; nobody else registers it.
  public static func reservedUser(for server: ServerName) -> String {
    ReservedUser.name(for: server.rawValue)
  }

  /// Proves that the server at `sipAddress` (`host:port`) serves.
  public func prove(_ server: ServerName, at sipAddress: String) async throws(PoolDriverError) {
    let user = Self.reservedUser(for: server)
    let exchange: SIPExchange
    do {
      exchange = try await SIPExchange(to: sipAddress, on: group.next())
    } catch {
      throw PoolDriverError(.unreachable, "\(server) cannot be reached at \(sipAddress): \(error)")
    }
    let end = ContinuousClock.now + patience
    var last = "no answer"
    var sequence: UInt32 = 0
    while ContinuousClock.now < end, !Task.isCancelled {
      let outcome = await attempt(exchange, user: user, sequence: &sequence, until: end)
      if outcome == nil {
        await exchange.close()
        return
      }
      last = outcome ?? last
      try? await Task.sleep(for: .milliseconds(200))
    }
    await exchange.close()
    throw PoolDriverError(
      .failed,
      "\(server) did not pass the proof by a registration at \(sipAddress): \(last)"
    )
  }

  /// Registers, queries and unregisters once; answers what went wrong, `nil` when nothing did.
  private func attempt(
    _ exchange: SIPExchange,
    user: String,
    sequence: inout UInt32,
    until end: ContinuousClock.Instant
  ) async -> String? {
    let contact = "sip:\(user)@\(exchange.localAddress)"
    let secret = await secret()
    for step in Step.allCases {
      sequence += 1
      let proof = secret.map {
        ReservedUser.fields(
          callID: exchange.callID,
          cseq: sequence,
          addressOfRecord: "sip:\(user)@\(domain.lowercased())",
          secret: $0
        )
      }
      let request = Request(
        user: user,
        domain: domain,
        contact: contact,
        local: exchange.localAddress,
        callID: exchange.callID,
        sequence: sequence,
        proof: proof
      )
      guard let reply = await exchange.ask(request.bytes(step), sequence: sequence, until: end) else {
        return "no answer to \(step.rawValue)"
      }
      guard reply.status == 200 else {
        return "\(step.rawValue) was answered \(reply.status) \(reply.reason)"
      }
      if step == .query, !reply.contacts.contains(where: { $0.contains(contact) }) {
        return "the registration was answered 200, but a query does not show it"
      }
    }
    return nil
  }

  /// What is asked, in order.
  enum Step: String, CaseIterable {
    case register = "REGISTER"
    case query = "the query"
    case unregister = "the removal"
  }

  /// A REGISTER of the reserved user (RFC 3261 section 10.2). An hour is an expiry that no registrar may find too short
  /// (section 10.3 step 7).
  private struct Request {
    var user: String
    var domain: String
    var contact: String
    var local: String
    var callID: String
    var sequence: UInt32
    var proof: String?

    func bytes(_ step: Step) -> [UInt8] {
      var lines = [
        "REGISTER sip:\(domain) SIP/2.0",
        "Via: SIP/2.0/UDP \(local);rport;branch=z9hG4bK-proof-\(callID)-\(sequence)",
        "Max-Forwards: 70",
        "From: <sip:\(user)@\(domain)>;tag=\(callID)",
        "To: <sip:\(user)@\(domain)>",
        "Call-ID: \(callID)",
        "CSeq: \(sequence) REGISTER",
      ]
      if let proof { lines.append(proof) }
      switch step {
      case .register: lines += ["Contact: <\(contact)>", "Expires: 3600"]
      case .query: break
      case .unregister: lines += ["Contact: <\(contact)>", "Expires: 0"]
      }
      lines += ["User-Agent: quorate", "Content-Length: 0", "", ""]
      return Array(lines.joined(separator: "\r\n").utf8)
    }
  }
}
