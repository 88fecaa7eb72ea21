import PoolModel
import Registrar
import SIPMessage
import SIPProxy

extension RequestRouter {
  /// Takes a SUBSCRIBE of the event package `reg`: only the user itself may know where it is registered. In an open pool,
  /// where anybody may be anybody, everybody may.
  func subscribe(_ request: Reading) {
    let (message, source) = (request.message, request.source)
    switch service.registrar.check.outcome(of: message, for: .answer(allowed: [.subscribe])) {
    case .passed, .dropped: break
    case .refused(let reply): return refuse(reply, message, from: source)
    }
    switch service.service {
    case .serving: break
    case .leaving where message.isInDialog: break
    case .starting, .leaving, .out:
      return service.refuse(
        message,
        from: source,
        because: service.service == .starting ? .starting : .leaving
      )
    }
    guard request.plan.routes.isEmpty, isOurs(request.uri) else { return fail(403, message, from: source) }
    guard let userPart = request.uri.user, let user = addressOfRecord(request.uri) else {
      return fail(404, message, from: source)
    }
    guard service.gate.isReady else { return service.refuse(message, from: source, because: .starting) }
    switch service.gate.checkCaller(message, from: source, at: service.agent.poolTime) {
    case .refused(let status, let headers): service.answer(status, headers, to: message, from: source)
    case .passed(let subscriber):
      guard subscriber != nil || service.gate.isOpen else {
        metrics.subscribed("forbidden")
        return fail(403, message, from: source)
      }
      service.subscriptions.subscribe(
        message,
        to: user,
        by: subscriber,
        userPart: Array(userPart),
        from: source
      )
    }
  }
}
