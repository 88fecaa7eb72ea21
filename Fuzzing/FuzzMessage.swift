/// Compiled into one module with Sources/SIPMessage by scripts/fuzz.sh; libFuzzer calls it with every input.
/// Everything that a server does with a datagram before it knows who sent it: parse, read every typed value, answer, forward.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzMessage(_ data: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: data, count: count))
  guard let message = try? SIPMessage(parsing: bytes) else {
    _ = SIPMessage(salvaging: bytes)
    return 0
  }
  _ = try? message.cseq
  _ = try? message.cseqMatchesMethod
  _ = try? message.callID
  _ = try? message.from
  _ = try? message.to.uri.addressOfRecord
  _ = try? message.topVia
  _ = try? message.vias
  _ = try? message.contacts()
  _ = message.expires
  _ = try? message.maxForwards
  _ = message.contentLength
  _ = try? message.routes
  _ = try? message.recordRoutes
  _ = try? message.paths
  _ = message.requires
  _ = message.proxyRequires
  _ = message.supports("path")
  if message.isRequest, let uri = try? message.requestURI { _ = uri.isEquivalent(to: uri) }
  if message.isRequest, let answer = try? message.response(status: 200, toTag: Array("fuzz".utf8)) {
    // An answer of ours has to be readable by others.
    // It may have a header field more than the request: Content-Length.
    let limits = SIPLimits(headerCount: 300)
    precondition((try? SIPMessage(parsing: answer, limits: limits)) != nil, "our own answer does not parse")
  }
  return 0
}
