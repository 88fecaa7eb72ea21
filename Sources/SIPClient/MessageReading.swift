import NIOCore
import SIPMessage

extension ClientLoop {
  /// A datagram came from a server.
  func received(_ buffer: ByteBuffer) {
    guard let response = Self.read(Array(buffer.readableBytesView)) else {
      statistics.strayDatagrams += 1
      return
    }
    answered(response)
  }

  /// Reads a response to one of this client's requests; `nil` for anything else.
  static func read(_ bytes: [UInt8]) -> ClientResponse? {
    do throws(SIPParseError) {
      let message = try SIPMessage(parsing: bytes, limits: .stream)
      guard !message.isRequest, let branch = try message.topVia.branch,
        let identity = TransactionID(branch: String(decoding: branch, as: UTF8.self))
      else { return nil }
      var contacts: [RegisteredContact] = []
      if (200..<300).contains(message.status), case .contacts(let listed) = try message.contacts(most: 1000) {
        contacts = listed.map {
          RegisteredContact(
            uri: String(decoding: $0.uri.raw, as: UTF8.self),
            expires: $0.expires.map(Int.init)
          )
        }
      }
      return ClientResponse(identity: identity, status: message.status, contacts: contacts)
    } catch {
      return nil
    }
  }

  /// Answers a request that a server passed on to a contact: 200 to the MESSAGE and OPTIONS of a user of ours, 404 to
  /// those of another, 405 to other methods; nothing to an ACK and to what cannot be read.
  func answer(_ buffer: ByteBuffer) -> [UInt8]? {
    let message: SIPMessage
    do throws(SIPParseError) {
      message = try SIPMessage(parsing: Array(buffer.readableBytesView), limits: .stream)
    } catch {
      statistics.strayRequests += 1
      return nil
    }
    guard message.isRequest, message.method != .ack else { return nil }
    let status = status(for: message)
    if status != 200 { statistics.strayRequests += 1 }
    let tag = Array("c\(writer.token)".utf8)
    do throws(SIPWriteError) {
      return try message.response(status: status, toTag: tag)
    } catch {
      return nil
    }
  }

  /// The Request-URI must be a contact of ours and To the AoR that registered it: anything else was passed on wrongly.
  private func status(for message: SIPMessage) -> Int {
    guard message.method == .message || message.method == .options else { return 405 }
    do throws(SIPParseError) {
      let called = try message.requestURI.user.map { String(decoding: $0, as: UTF8.self) }
      let meant = try message.to.uri.user.map { String(decoding: $0, as: UTF8.self) }
      guard let called, called == meant, let user = writer.user(named: called), users.indices.contains(user)
      else {
        return 404
      }
      if message.method == .message { statistics.messagesDelivered += 1 }
      return 200
    } catch {
      return 400
    }
  }
}
