#pragma once
// Texts of failures with static storage, as Error::what needs them. Any thread.

#include <string_view>

namespace pillion::tls {

// The same pointer for the same text. The number of texts is bounded, since peers have a hand in
// them: beyond it all are "TLS_error:TLS_error_end".
const char* kept_text(std::string_view text);

}  // namespace pillion::tls
