import FabricAgent
import Logging
import PoolModel
import Registrar
import SIPMessage

/// The registrar's decisions on REGISTERs, in the terms of this server: records as bytes in, bytes out.
struct RegistrarDesk {
  /// What every request is asked first.
  let check: RequestCheck
  private let registrar: Registrar
  private let serverLine: SIPHeaderBlock
  /// The flow of whoever came to this server over UDP, which is nearly everybody.
  private let ownFlow: [UInt8]
  private let server: ServerName

  /// - Parameter secret: the same on all servers of the pool.
  init(configuration: FrontEndConfiguration, secret: [UInt8]) {
    let key = KeyedHash.Key(secret: secret, purpose: "tag 1")
    check = RequestCheck(tagKey: key)
    var line = SIPHeaderBlock()
    // A version with a line break in it is none that a build has.
    try? line.add(.server, "Quorate/\(configuration.version)")
    serverLine = line
    server = configuration.server
    ownFlow = FlowReference.text(.datagram(of: configuration.server))
    let own = configuration.sip.map(\.uriHost)
    let hosts = configuration.hosts.map { Endpoint(host: $0, port: 0).uriHost } + own
    var settings = Registrar.Configuration(
      domains: [configuration.domain.lowercased()],
      hosts: Set(hosts.map { $0.lowercased() }),
      tagKey: key
    )
    configuration.tuneRegistrar(&settings)
    registrar = Registrar(settings)
  }

  private static let registerOnly = RequestCheck.Purpose.answer(allowed: [.register])

  /// Whose record a REGISTER is about, or the reply that needs no record.
  func target(of request: SIPMessage) -> Registrar.Target {
    switch check.outcome(of: request, for: Self.registerOnly) {
    case .refused(let reply): .refused(reply)
    case .dropped, .passed: registrar.target(of: request)
    }
  }

  /// The bytes of a reply to a request; `nil` when it cannot be written.
  func response(_ reply: RegistrarReply, to request: SIPMessage, from source: MessageSource) -> [UInt8]? {
    var reply = reply
    do throws(SIPWriteError) {
      reply.headers.add(serverLine)
      return try reply.write(
        for: request,
        source: SIPSource(address: source.address.text, port: source.port)
      )
    } catch {
      return nil
    }
  }

  /// Whether a REGISTER is the exact repeat of one that the record remembers: it has no further effect.
  func isRepeat(_ request: SIPMessage, of stored: StoredRecord?, at now: PoolTime) -> Bool {
    guard let stored, let record = try? RegistrationRecord(decoding: stored.bytes) else { return false }
    return registrar.isRepeat(request, of: record, at: now.milliseconds)
  }

  /// Decides on a REGISTER over the record as it is stored.
  /// - Parameter authenticated: the user that its sender proved to be; `nil` when the pool is open.
  func decide(
    _ request: PendingRequest,
    on stored: StoredRecord?,
    authenticated: String?,
    at now: PoolTime
  ) -> RecordDecision {
    var record: RegistrationRecord?
    if let stored {
      do throws(RegistrationRecordError) {
        record = try RegistrationRecord(decoding: stored.bytes)
      } catch {
        // A record of a newer release or a damaged one: never written over.
        return .unreadable
      }
    }
    let source = request.source
    var seen: [UInt8] = []
    seen.reserveCapacity(32)
    seen.append(contentsOf: source.kind.lowercaseToken.utf8)
    seen.append(UInt8(ascii: ":"))
    source.address.append(port: source.port, to: &seen)
    let decision = registrar.decide(
      request.message,
      record: record,
      source: Registrar.Source(
        address: seen,
        flow: source.flow == 0 && source.server == server
          ? ownFlow : FlowReference.text(RouteSeal.Place(server: source.server, flow: source.flow))
      ),
      authenticated: authenticated,
      user: request.addressOfRecord,
      at: now.milliseconds
    )
    guard let response = response(decision.reply, to: request.message, from: source) else {
      return .unreadable
    }
    switch decision {
    case .reply: return .answer(response)
    case .store(let record, _): return .write(record?.encoded(), answer: response)
    }
  }

  /// From when on a record is worthless, in milliseconds of pool time; `nil` for one that cannot be read.
  static func expiry(of bytes: [UInt8]) -> Int64? {
    guard let record = try? RegistrationRecord(decoding: bytes) else { return nil }
    let remembered = record.remembered.map {
      $0.at.addingReportingOverflow(RegistrationRecord.retention).partialValue
    }
    return (record.bindings.map(\.expiresAt) + remembered).max() ?? 0
  }
}
