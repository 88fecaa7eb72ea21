import SIPMessage

/// The registrar of RFC 3261 section 10.3 as one pure function of the request, the user's record and the time.
public struct Registrar: Sendable {
  /// What the operator set.
  public let configuration: Configuration

  /// Makes a registrar.
  public init(_ configuration: Configuration) {
    self.configuration = configuration
  }

  /// Whose bindings a REGISTER is about.
  public enum Target: Sendable, Hashable {
    /// The canonical address-of-record, which the record is kept under.
    case user(String)
    /// Answer this; no record is needed.
    case refused(RegistrarReply)
  }

  /// Finds the user of a REGISTER (steps 1, 2 and 5), so that the shell can read that user's record.
  public func target(of request: SIPMessage) -> Target {
    do throws(RegistrarReply) {
      return .user(try addressOfRecord(of: request))
    } catch {
      return .refused(error)
    }
  }

  /// Decides on a REGISTER.
  /// - Parameters:
  ///   - request: the REGISTER as the client, or the last proxy before this pool, sent it.
  ///   - record: the user's record as read; nil when there is none.
  ///   - source: where the request came from.
  ///   - authenticated: the canonical address-of-record that the client proved; nil when the pool is open.
  ///   - userExists: false answers 404.
  ///   - user: the user as `target(of:)` found it in this very request; nil finds it again.
  ///   - now: pool time in milliseconds.
  public func decide(
    _ request: SIPMessage,
    record: RegistrationRecord?,
    source: Source,
    authenticated: String? = nil,
    userExists: Bool = true,
    user known: String? = nil,
    at now: Int64
  ) -> RegistrarDecision {
    do throws(RegistrarReply) {
      let user: String
      if let known { user = known } else { user = try addressOfRecord(of: request) }
      if let authenticated, authenticated != user { throw refusal(403, request) }
      guard userExists else { throw refusal(404, request) }
      let contacts: ContactList
      do throws(SIPParseError) {
        contacts = try request.contacts(most: configuration.contactsPerRequest)
      } catch {
        throw refusal(error, request)
      }
      if case .none = contacts {
        return .reply(success(request, record ?? RegistrationRecord(), isOutbound: false, at: now))
      }
      return try update(request, contacts, record ?? RegistrationRecord(), source, now)
    } catch {
      return .reply(error)
    }
  }

  // MARK: - Steps 1 to 5

  private func addressOfRecord(of request: SIPMessage) throws(RegistrarReply) -> String {
    let unknown = request.requires.filter { option in
      !configuration.supportedOptions.contains { option.equalsIgnoringCase($0) }
    }
    let requestHost: String
    let to: SIPURI
    do throws(SIPParseError) {
      let uri = try request.requestURI
      guard uri.scheme == .sip || uri.scheme == .sips else { throw SIPParseError(.badURI, status: 416) }
      requestHost = uri.canonicalHost
      let address = try request.to
      do throws(SIPParseError) {
        to = try address.uri
      } catch {
        throw SIPParseError(.badURI, header: .to)
      }
    } catch {
      throw refusal(error, request)
    }
    // We pass no REGISTER on to other domains: an address-of-record there is none of ours.
    guard configuration.domains.contains(requestHost) || configuration.hosts.contains(requestHost) else {
      throw refusal(404, request)
    }
    if !unknown.isEmpty {
      var reply = refusal(420, request)
      reply.add(.unsupported, Array(unknown.joined(separator: Array(", ".utf8))))
      throw reply
    }
    // RFC 3261 section 10.2: the To of a REGISTER is a sip or sips URI (RFC 4475 section 3.3.4 asks for 400).
    guard let user = to.addressOfRecord else { throw refusal(400, request, "To Is No SIP URI") }
    guard configuration.domains.contains(to.canonicalHost), user.utf8.count <= configuration.addressBytes
    else {
      throw refusal(404, request)
    }
    return user
  }

  // MARK: - Replies

  func refusal(_ status: Int, _ request: SIPMessage, _ reason: String? = nil) -> RegistrarReply {
    RegistrarReply(status: status, reason: reason, toTag: request.statelessToTag(key: configuration.tagKey))
  }

  func refusal(_ error: SIPParseError, _ request: SIPMessage) -> RegistrarReply {
    refusal(error.status ?? 400, request, error.status == 400 ? error.reasonPhrase : nil)
  }

  /// Step 8: the 200 with all current bindings, each with the time it has left.
  func success(
    _ request: SIPMessage,
    _ record: RegistrationRecord,
    isOutbound: Bool,
    status: Int = 200,
    toTag: [UInt8]? = nil,
    at now: Int64
  ) -> RegistrarReply {
    let tag = toTag ?? request.statelessToTag(key: configuration.tagKey)
    var reply = RegistrarReply(status: status, toTag: tag)
    reply.headers.reserveCapacity(64 + record.bindings.count * 160)
    for binding in record.bindings where binding.isLive(at: now) {
      let isAdded = reply.headers.add(.contact) { binding.appendContactValue(at: now, to: &$0) }
      if !isAdded { reply.add(.contact, binding.contactValue(at: now)) }
    }
    // RFC 3327 section 5.3: Path is shown to a client that knows it.
    if request.contains(.path), request.supports("path") {
      for path in request.values(of: .path) { reply.add(.path, Array(path)) }
    }
    if isOutbound {
      reply.add(.require, "outbound")
      reply.headers.add(.flowTimer, UInt64(configuration.flowTimer))
    }
    reply.add(.date, SIPDate.bytes(milliseconds: now))
    return reply
  }
}
