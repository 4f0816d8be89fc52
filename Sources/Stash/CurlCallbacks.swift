import CCurl

/// What curl calls. Each takes its arguments apart and hands them to the exchange; none decides anything.
///
/// They are members of an enum in a file of their own, so that no actor can be inferred for them.
enum CurlCallbacks {
    static let header: ccurl_data_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
        let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
        // Any other number than that of the bytes ends the transfer (CURLOPT_HEADERFUNCTION(3)).
        return exchange.headerLine(bytes) ? bytes.count : bytes.count &+ 1
    }

    static let write: ccurl_data_callback = { data, size, count, context in
        guard let data, let context else { return 0 }
        let bytes = UnsafeRawBufferPointer(start: data, count: size * count)
        let exchange = Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
        return exchange.bodyBytes(bytes) ? bytes.count : bytes.count &+ 1
    }

    static let prerequest: curl_prereq_callback = { context, _, _, _, _ in
        guard let context else { return Int32(CURL_PREREQFUNC_ABORT) }
        Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue().requestGoesOut()
        return Int32(CURL_PREREQFUNC_OK)
    }
}
