import Registrar
import SIPMessage

/// What happened to a contact (RFC 3680 section 5.2).
public enum ContactEvent: String, Sendable, Hashable {
  /// A REGISTER has made it. (`created` is for what an administrator makes, which we have not.)
  case registered
  /// A REGISTER has renewed it.
  case refreshed
  /// It was not renewed in time.
  case expired
  /// A REGISTER has removed it.
  case unregistered
  /// The server asks the client to register anew, because it is being moved.
  case deactivated

  /// Whether the contact still counts after it, as those see it who are told.
  public var isActive: Bool { self == .registered || self == .refreshed }
}

/// One contact and what happened to it.
public struct ContactChange: Sendable, Hashable {
  /// The contact as it is now, or was last.
  public var binding: Binding
  /// What happened.
  public var event: ContactEvent

  /// Makes a change.
  public init(_ binding: Binding, _ event: ContactEvent) {
    self.binding = binding
    self.event = event
  }

  /// What has happened between the contacts that were known and the record as it is now.
  /// - Parameters:
  ///   - known: the contacts that counted when this was last asked.
  ///   - record: nil when there is none any more.
  ///   - now: milliseconds of pool time.
  public static func changes(
    from known: [Binding],
    to record: RegistrationRecord?,
    at now: Int64
  ) -> [ContactChange] {
    let live = record?.liveBindings(at: now) ?? []
    var result: [ContactChange] = []
    for old in known where !live.contains(where: { $0.contactID == old.contactID }) {
      result.append(ContactChange(old, old.isLive(at: now) ? .unregistered : .expired))
    }
    for new in live {
      guard let old = known.first(where: { $0.contactID == new.contactID }) else {
        result.append(ContactChange(new, .registered))
        continue
      }
      let isSame =
        old.updatedAt == new.updatedAt && old.expiresAt == new.expiresAt && old.cseq == new.cseq
        && old.callID == new.callID
      if !isSame { result.append(ContactChange(new, .refreshed)) }
    }
    return result
  }
}

extension Binding {
  /// The same for the same contact, in every document of every server: a hash of its URI and, of a flow, of device and
  /// reg-id, so that two flows with one URI are two contacts.
  var contactID: [UInt8] {
    var hash = KeyedHash(key: RegIdentity.key)
    hash.combine(field: contact[...])
    if isOutbound {
      hash.combine(field: (instance ?? [])[...])
      hash.combine(field: (regID ?? [])[...])
    }
    return KeyedHash.hex(hash.finish())
  }
}

enum RegIdentity {
  /// Identifiers are no secrets; this key only has to stay the same in all releases.
  static let key = KeyedHash.Key(low: 0x7265_6769_6e66_6f31, high: 0x636f_6e74_6163_7431)

  static func registration(_ addressOfRecord: String) -> [UInt8] {
    var hash = KeyedHash(key: key)
    hash.combine(field: Array(addressOfRecord.utf8)[...])
    return KeyedHash.hex(hash.finish())
  }
}
