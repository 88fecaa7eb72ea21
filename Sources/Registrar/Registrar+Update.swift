import SIPMessage

extension Registrar {
  /// Steps 6 and 7: all of the changes of one REGISTER, or none.
  func update(
    _ request: SIPMessage,
    _ contacts: ContactList,
    _ record: RegistrationRecord,
    _ source: Source,
    _ now: Int64
  ) throws(RegistrarReply) -> RegistrarDecision {
    let identity = try identity(of: request, now)
    let list = try changes(request, contacts, source, identity, now)
    if let earlier = record.remembered.last(where: {
      $0.callIDBytes == identity.callIDBytes && $0.counts(at: now)
    }) {
      if earlier.isRepeated(by: identity) {
        // An exact repeat, perhaps at another server: the same answer again, and nothing else.
        return .reply(
          success(
            request,
            record,
            isOutbound: list.isOutbound,
            status: earlier.status,
            toTag: earlier.toTag,
            at: now
          )
        )
      }
      // Also when its binding is gone: an old REGISTER must not bring back what a newer one removed.
      guard identity.cseq > earlier.cseq else { throw refusal(500, request, "CSeq Out Of Order") }
    }
    var result = record
    result.bindings.removeAll { !$0.isLive(at: now) }
    if list.removesAll {
      for binding in result.bindings { try checkOrder(binding, identity, request) }
      result.bindings = []
    } else {
      try apply(list.contacts, to: &result.bindings, identity, request, now)
    }
    // 403, for the request is understood and refused. Not 513, which is about the size of a message, and not 503, which
    // would send the client to another server with the same rule.
    guard result.bindings.count <= configuration.contactsPerUser else {
      throw refusal(403, request, "Too Many Contacts")
    }
    remember(identity, in: &result, now)
    let reply = success(request, result, isOutbound: list.isOutbound, toTag: identity.toTag, at: now)
    return .store(result, thenReply: reply)
  }

  /// Whether a REGISTER is the exact repeat of one that the record remembers. Deciding on it changes nothing.
  public func isRepeat(_ request: SIPMessage, of record: RegistrationRecord, at now: Int64) -> Bool {
    guard let identity = try? identity(of: request, now) else { return false }
    return record.remembered.last { $0.callIDBytes == identity.callIDBytes && $0.counts(at: now) }?
      .isRepeated(by: identity) == true
  }

  /// What a REGISTER asks for.
  struct ChangeList {
    var removesAll = false
    var isOutbound = false
    var contacts: [Change] = []
  }

  /// What one Contact asks for.
  struct Change {
    var uri: SIPURI
    /// Instance and reg-id, when they identify the binding.
    var flowKey: FlowKey?
    /// Nil removes.
    var binding: Binding?
  }

  /// RFC 5626 section 6: what identifies a binding made with Outbound.
  struct FlowKey: Hashable {
    var instance: [UInt8]
    var regID: [UInt8]
  }

  // MARK: - Reading the request

  private func identity(of request: SIPMessage, _ now: Int64) throws(RegistrarReply) -> RememberedRegister {
    do throws(SIPParseError) {
      return RememberedRegister(
        callID: try request.callID,
        cseq: try request.cseq.number,
        branch: try request.topVia.branch ?? [],
        digest: Self.digest(of: request),
        status: 200,
        toTag: request.statelessToTag(key: configuration.tagKey)[...],
        at: now
      )
    } catch {
      throw refusal(error, request)
    }
  }

  /// FNV-1a over what the request asks for. It tells a repeat from another request of the same client, and guards
  /// against nobody: who could forge it could as well send another request.
  static func digest(of request: SIPMessage) -> UInt64 {
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    for name in [SIPHeaderName.contact, .expires] {
      request.forEachHeader(name) { value in
        for byte in value { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3 }
        hash = (hash ^ 0x0A) &* 0x0000_0100_0000_01b3
      }
    }
    return hash
  }

  private func changes(
    _ request: SIPMessage,
    _ contacts: ContactList,
    _ source: Source,
    _ identity: RememberedRegister,
    _ now: Int64
  ) throws(RegistrarReply) -> ChangeList {
    guard case .contacts(let values) = contacts else {
      guard request.expires == 0 else { throw refusal(400, request, "Wildcard Without Expires: 0") }
      return ChangeList(removesAll: true)
    }
    let paths = try paths(of: request)
    var list = ChangeList()
    list.isOutbound = try isOutbound(request, values, paths, source)
    for value in values {
      let requested = value.expires ?? request.expires ?? configuration.defaultExpires
      let flowKey = list.isOutbound ? Self.flowKey(value) : nil
      guard requested > 0 else {
        list.contacts.append(Change(uri: value.uri, flowKey: flowKey, binding: nil))
        continue
      }
      let minimum = min(configuration.minimumExpires, 3_600)
      guard requested >= minimum else {
        var reply = refusal(423, request)
        reply.headers.add(.minExpires, UInt64(minimum))
        throw reply
      }
      let granted = Int64(min(requested, configuration.maximumExpires)) * 1_000
      let binding = Binding(
        contact: value.uri.raw,
        parameters: Self.keptParameters(value)[...],
        q: value.q ?? 1_000,
        isOutbound: flowKey != nil,
        callID: identity.callIDBytes,
        cseq: identity.cseq,
        expiresAt: now.addingReportingOverflow(granted).partialValue,
        updatedAt: now,
        paths: paths,
        source: source.address[...],
        flow: source.flow[...]
      )
      list.contacts.append(Change(uri: value.uri, flowKey: flowKey, binding: binding))
    }
    return list
  }

  private func paths(of request: SIPMessage) throws(RegistrarReply) -> [[UInt8]] {
    guard request.contains(.path) else { return [] }
    var bytes = 0
    do throws(SIPParseError) {
      for path in try request.paths {
        let uri = try path.uri
        guard path.isBracketed, uri.scheme == .sip || uri.scheme == .sips else {
          throw SIPParseError(.badHeaderValue, header: .path)
        }
      }
    } catch {
      throw refusal(400, request, "Bad Path")
    }
    let values = request.values(of: .path).map { value in
      // Kept without folds, because it is written into other messages.
      value.map { $0 == 0x0D || $0 == 0x0A ? 0x20 : $0 }
    }
    for value in values { bytes += value.count }
    guard bytes <= configuration.pathBytes else { throw refusal(513, request) }
    return values
  }

  /// RFC 5626 section 6: Outbound counts when the client says that it supports it and the flow is known to us or to an
  /// edge proxy that says so with `ob`.
  private func isOutbound(
    _ request: SIPMessage,
    _ contacts: [ContactValue],
    _ paths: [[UInt8]],
    _ source: Source
  ) throws(RegistrarReply) -> Bool {
    guard contacts.contains(where: { Self.flowKey($0) != nil }), request.supports("outbound"),
      configuration.supportedOptions.contains("outbound")
    else { return false }
    var vias = request.values(of: .via).makeIterator()
    _ = vias.next()
    if source.isFirstHop ?? (vias.next() == nil) { return true }
    // The first edge proxy is the last Path value.
    guard let first = paths.last else { throw refusal(439, request) }
    do throws(SIPParseError) {
      if try NameAddress(parsing: first[...]).uri.hasParameter("ob") { return true }
    } catch {
      throw refusal(400, request, "Bad Path")
    }
    throw refusal(439, request)
  }

  private static func flowKey(_ contact: ContactValue) -> FlowKey? {
    guard let instance = contact.address.parameters.unquotedValue("+sip.instance"),
      let regID = contact.address.parameters.value("reg-id")
    else { return nil }
    return FlowKey(instance: instance, regID: Array(regID))
  }

  /// All parameters but `expires`, as they came, without folds.
  private static func keptParameters(_ contact: ContactValue) -> [UInt8] {
    var result: [UInt8] = []
    for parameter in contact.address.parameters where !parameter.name.equalsIgnoringCase("expires") {
      result.append(UInt8(ascii: ";"))
      result.append(contentsOf: parameter.name)
      if let value = parameter.value {
        result.append(UInt8(ascii: "="))
        for byte in value { result.append(byte == 0x0D || byte == 0x0A ? 0x20 : byte) }
      }
    }
    return result
  }

  // MARK: - Changing the bindings

  private func apply(
    _ changes: [Change],
    to bindings: inout [Binding],
    _ identity: RememberedRegister,
    _ request: SIPMessage,
    _ now: Int64
  ) throws(RegistrarReply) {
    // What this request has written itself: of two equal contacts in one request the last counts.
    var written: [ArraySlice<UInt8>] = []
    for change in changes {
      var place: Int?
      var index = 0
      while index < bindings.count {
        guard matches(bindings[index], change) else {
          index += 1
          continue
        }
        if !written.contains(bindings[index].contactBytes) {
          try checkOrder(bindings[index], identity, request)
        }
        if let binding = change.binding, place == nil {
          place = index
          var updated = binding
          updated.unknown = bindings[index].unknown
          bindings[index] = updated
          index += 1
        } else {
          bindings.remove(at: index)
        }
      }
      guard let binding = change.binding else { continue }
      // There is hardly ever a second contact to compare with.
      if changes.count > 1 { written.append(binding.contactBytes) }
      if place == nil { bindings.append(binding) }
    }
  }

  private func matches(_ binding: Binding, _ change: Change) -> Bool {
    if let key = change.flowKey {
      guard binding.isOutbound else { return false }
      return binding.instance == key.instance && binding.regID == key.regID
    }
    if binding.isOutbound { return false }
    if change.uri.raw == binding.contactBytes { return true }
    do throws(SIPParseError) {
      return try SIPURI(parsing: binding.contactBytes).isEquivalent(to: change.uri)
    } catch {
      return false
    }
  }

  private func checkOrder(
    _ binding: Binding,
    _ identity: RememberedRegister,
    _ request: SIPMessage
  ) throws(RegistrarReply) {
    guard binding.callIDBytes != identity.callIDBytes || identity.cseq > binding.cseq else {
      throw refusal(500, request, "CSeq Out Of Order")
    }
  }

  private func remember(_ identity: RememberedRegister, in record: inout RegistrationRecord, _ now: Int64) {
    record.remembered.removeAll { $0.callIDBytes == identity.callIDBytes || !$0.counts(at: now) }
    record.remembered.append(identity)
    let surplus = record.remembered.count - RegistrationRecord.mostRemembered
    if surplus > 0 { record.remembered.removeFirst(surplus) }
  }
}

extension RememberedRegister {
  /// Whether `other` is this request once more.
  fileprivate func isRepeated(by other: RememberedRegister) -> Bool {
    cseq == other.cseq && branchBytes == other.branchBytes && digest == other.digest
      && callIDBytes == other.callIDBytes
  }
}
