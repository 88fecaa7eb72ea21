/// Writes the client's requests as RFC 3261 text.
struct RequestWriter: Sendable {
  /// The client's SIP domain.
  let domain: String
  /// What the users' names begin with.
  let prefix: String
  /// The host of contacts, Via and Call-ID.
  let host: String
  /// Makes the Call-IDs and tags of this client its own.
  let token: String
  /// Contacts ask for this expiry, in seconds.
  let expires: Int
  /// The users' names where they are not numbered.
  var names: [String]?
  /// What each REGISTER carries besides.
  var header: (@Sendable (_ user: String, _ callID: String, _ cseq: UInt32) -> String)?
  /// The port of the contacts.
  var contactPort = 0

  /// The name of user number `user`.
  func name(_ user: Int) -> String {
    if let names, names.indices.contains(user) { return names[user] }
    let digits = String(user)
    return prefix + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
  }

  /// The number of the user named `name`; `nil` for a name that is not of this client.
  func user(named name: some StringProtocol) -> Int? {
    if let names { return names.firstIndex { $0 == name } }
    guard name.hasPrefix(prefix) else { return nil }
    let digits = name.dropFirst(prefix.count)
    guard digits.count >= 6, let number = Int(digits), number >= 0 else { return nil }
    return number
  }

  /// The contact URI of a user.
  func contact(_ user: Int) -> String { "sip:\(name(user))@\(host):\(contactPort)" }

  /// The text of a request.
  /// - Parameters:
  ///   - identity: goes into the branch.
  ///   - cseq: its sequence number.
  ///   - localPort: the port of the socket it is sent from: the answer comes there (RFC 3261 section 18.2.2).
  func text(_ kind: RequestKind, user: Int, identity: TransactionID, cseq: UInt32, localPort: Int) -> String {
    let from = "sip:\(name(user))@\(domain)"
    let via = "Via: SIP/2.0/UDP \(host):\(localPort);branch=\(identity.branch);rport\r\n"
    let common = "Max-Forwards: 70\r\nFrom: <\(from)>;tag=\(token)\(user)\r\n"
    switch kind {
    case .message(let receiver):
      let to = "sip:\(name(receiver))@\(domain)"
      let body = "From \(user) to \(receiver)."
      return "MESSAGE \(to) SIP/2.0\r\n\(via)\(common)To: <\(to)>\r\n"
        + "Call-ID: m\(String(identity.request, radix: 16))-\(token)@\(host)\r\nCSeq: \(cseq) MESSAGE\r\n"
        + "Content-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    case .register, .remove, .query:
      var lines = "REGISTER sip:\(domain) SIP/2.0\r\n\(via)\(common)To: <\(from)>\r\n"
      let callID = "r\(user)-\(token)@\(host)"
      lines += "Call-ID: \(callID)\r\nCSeq: \(cseq) REGISTER\r\n"
      if let header { lines += header(name(user), callID, cseq) + "\r\n" }
      if kind == .register { lines += "Contact: <\(contact(user))>\r\nExpires: \(expires)\r\n" }
      if kind == .remove { lines += "Contact: <\(contact(user))>;expires=0\r\n" }
      return lines + "Content-Length: 0\r\n\r\n"
    }
  }
}
