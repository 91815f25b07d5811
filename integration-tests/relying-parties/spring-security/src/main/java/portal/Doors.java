package portal;

import com.nimbusds.jose.EncryptionMethod;
import com.nimbusds.jose.JWEAlgorithm;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.proc.JWEDecryptionKeySelector;
import java.io.File;
import java.net.http.HttpClient;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.ssl.SslBundles;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Profile;
import org.springframework.http.client.JdkClientHttpRequestFactory;
import org.springframework.http.converter.FormHttpMessageConverter;
import org.springframework.security.oauth2.client.OAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.TokenExchangeOAuth2AuthorizedClientProvider;
import org.springframework.security.oauth2.client.annotation.RegisteredOAuth2AuthorizedClient;
import org.springframework.security.oauth2.client.endpoint.NimbusJwtClientAuthenticationParametersConverter;
import org.springframework.security.oauth2.client.endpoint.OAuth2AuthorizationCodeGrantRequest;
import org.springframework.security.oauth2.client.endpoint.RestClientAuthorizationCodeTokenResponseClient;
import org.springframework.security.oauth2.client.endpoint.RestClientTokenExchangeTokenResponseClient;
import org.springframework.security.oauth2.client.http.OAuth2ErrorResponseErrorHandler;
import org.springframework.security.oauth2.client.oidc.authentication.OidcIdTokenDecoderFactory;
import org.springframework.security.oauth2.client.oidc.authentication.OidcIdTokenValidator;
import org.springframework.security.oauth2.client.registration.ClientRegistration;
import org.springframework.security.oauth2.core.converter.ClaimTypeConverter;
import org.springframework.security.oauth2.core.http.converter.OAuth2AccessTokenResponseHttpMessageConverter;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.BadJwtException;
import org.springframework.security.oauth2.jwt.JwtDecoderFactory;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;
import org.springframework.util.MultiValueMap;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.client.RestClient;

/**
 * The provider's other doors, with {@code application-doors.yaml}: people sign in at a portal without a secret
 * ({@code private_key_jwt}), whose ID tokens are encrypted to it, and the API calls the next service in the name of whoever called it (RFC 8693), known by a
 * certificate (RFC 8705). That the API takes tokens bound to a key (DPoP, RFC 9449) needs nothing: see {@link Security}.
 */
@Configuration
@Profile("doors")
class Doors {
    /** The portal's own keys: "sign" proves who it is, "open" decrypts what is for it. */
    @Bean
    JWKSet keys(@Value("${portal.keys}") File file) throws Exception {
        return JWKSet.load(file);
    }

    /** Spring writes the token endpoint as audience of the proof; the provider wants the issuer. */
    @Bean
    RestClientAuthorizationCodeTokenResponseClient codes(JWKSet keys) {
        JWK key = keys.getKeyByKeyId("sign");
        var proof = new NimbusJwtClientAuthenticationParametersConverter<OAuth2AuthorizationCodeGrantRequest>(client -> key);
        proof.setJwtClientAssertionCustomizer(assertion -> {
            var provider = assertion.getAuthorizationGrantRequest().getClientRegistration().getProviderDetails();
            assertion.getClaims().audience(List.of(provider.getIssuerUri()));
        });
        var codes = new RestClientAuthorizationCodeTokenResponseClient();
        codes.addParametersConverter(proof);
        return codes;
    }

    /** Decrypts ID tokens, then checks what is inside as Spring does by itself. */
    @Bean
    JwtDecoderFactory<ClientRegistration> idTokens(JWKSet keys) {
        var open = new ImmutableJWKSet<>(new JWKSet(keys.getKeyByKeyId("open")));
        var opener = new JWEDecryptionKeySelector<>(JWEAlgorithm.ECDH_ES_A256KW, EncryptionMethod.A256GCM, open);
        return client -> {
            var decoder = NimbusJwtDecoder.withJwkSetUri(client.getProviderDetails().getJwkSetUri())
                .jwsAlgorithm(SignatureAlgorithm.RS256)
                .jwtProcessorCustomizer(processor -> processor.setJWEKeySelector(opener))
                .build();
            decoder.setJwtValidator(JwtValidators.createDefaultWithValidators(new OidcIdTokenValidator(client)));
            decoder.setClaimSetConverter(new ClaimTypeConverter(OidcIdTokenDecoderFactory.createDefaultClaimTypeConverters()));
            return token -> {
                if (token.split("\\.", -1).length != 5) throw new BadJwtException("an ID token that is not encrypted");
                return decoder.decode(token);
            };
        };
    }

    /** Exchanges the token of the call, over a connection that shows the certificate. */
    @Bean
    TokenExchangeOAuth2AuthorizedClientProvider exchange(SslBundles bundles, @Value("${portal.archive}") String archive) {
        var certificate = HttpClient.newBuilder().sslContext(bundles.getBundle("portal").createSslContext()).build();
        var exchange = new RestClientTokenExchangeTokenResponseClient();
        exchange.setRestClient(RestClient.builder()
            .requestFactory(new JdkClientHttpRequestFactory(certificate))
            .configureMessageConverters(converters -> converters
                .addCustomConverter(new FormHttpMessageConverter())
                .addCustomConverter(new OAuth2AccessTokenResponseHttpMessageConverter()))
            .defaultStatusHandler(new OAuth2ErrorResponseErrorHandler())
            .build());
        exchange.addParametersConverter(grant -> MultiValueMap.fromSingleValue(Map.of("resource", archive)));
        var provider = new TokenExchangeOAuth2AuthorizedClientProvider();
        provider.setAccessTokenResponseClient(exchange);
        return provider;
    }

    @RestController
    @Profile("doors")
    static class Forwarding {
        /** A real service would call the archive with this token; here it is shown to whoever called. */
        @GetMapping("/api/archive")
        Map<String, String> archive(@RegisteredOAuth2AuthorizedClient("archive") OAuth2AuthorizedClient archive) {
            return Map.of("token", archive.getAccessToken().getTokenValue());
        }
    }
}
