"""Where each equation is evaluated, proved and tested: the data of docs/equations.md.

A row names functions by their public dotted path (arguments in parentheses say which way of the
function is meant), checks by their registered name, and tests by the name of their function: the
page finds the files.
"""

from __future__ import annotations

from typing import NamedTuple


class Equation(NamedTuple):
    """One row: label, content, and names separated by spaces."""

    label: str
    content: str
    functions: str
    checks: str
    tests: str


PRINTED = (
    Equation(
        "[HH] 1", "ẋ = −x + Jφ(x)",
        "simulate.force simulate.integrate(onsager=0) meanfield.two_time",
        "gradient.onsager responses.vanilla",
        "test_against_symbolic_derivatives test_linear_network_is_an_exponential",
    ),
    Equation(
        "[HH] 2", "J_ij ~ N(0, g²/N), J_ii = 0; here with a symmetry γ, which [HH] do not have",
        "simulate.couplings.elliptic", "",
        "test_elliptic_covariances",
    ),
    Equation(
        "[HH] 3", "E = ½ Σ ẋ_i²",
        "simulate.kinetic_energy", "descent.vanilla descent.regulated descent.indefinite",
        "test_against_symbolic_derivatives test_energy_never_rises",
    ),
    Equation(
        "[HH] 4", "dx = −∇E dt + √(2T) dW",
        "simulate.integrate(onsager=1,temperature=T) simulate.sample_boltzmann",
        "langevin.linear_network langevin.lyapunov",
        "test_invariant_variance test_weak_order",
    ),
    Equation(
        "[HH] 5", "−∂E/∂x_i = −x_i + h_i − φ'(x_i) Σ_j≠i J_ji (h_j − x_j)",
        "simulate.energy_gradient",
        "gradient.printed gradient.onsager",
        "test_against_symbolic_derivatives test_agrees",
    ),
    Equation(
        "[HH] 6", "f = −∇E + φ'∘Jᵀf",
        "simulate.force simulate.energy_gradient simulate.onsager_force",
        "gradient.decomposition",
        "test_against_symbolic_derivatives test_agrees",
    ),
    Equation(
        "[HH] 7", "f = −M⁻¹∇E, M = I − diag(φ')Jᵀ",
        'simulate.validate(rows=["identities"])',
        "gradient.decomposition gradient.printed_matrix",
        "test_agrees test_identities_refuse",
    ),
    Equation(
        "[HH] 8", "ẋ = −x + h − κφ'∘Jᵀf + √(2T)ξ, κ(t) the γ(t) of [HH]",
        "simulate.integrate(onsager=κ) simulate.onsager_force meanfield.two_time "
        "meanfield.Switching",
        "gradient.printed gradient.onsager",
        "test_order_with_input_and_switching test_freezing_by_switching",
    ),
    Equation(
        "[HH] 9", "Euler steps, Δt = 0.01",
        'simulate.integrate(method="euler")',
        "schemes.orders langevin.euler",
        "test_order_of_convergence test_stability_limit test_euler_is_exposed",
    ),
    Equation(
        "[HH] 10a, 10b", "∂F/∂x, off and on the diagonal; its trace ∇·F",
        "simulate.jacobian simulate.jacobian_operator simulate.divergence",
        "jacobian.printed jacobian.matrix_form jacobian.divergence",
        "test_against_symbolic_derivatives test_operator_is_the_matrix test_agrees",
    ),
    Equation(
        "[HH] 11", "Q(t,t') = |φ(x(t)) − φ(x(t'))|², a sum over neurons",
        "simulate.freezing meanfield.TwoTime meanfield.freezing_curve", "",
        "test_freezing_is_the_direct_sum test_freezing_is_eq_11",
    ),
    Equation(
        "[HH] 12", "C_ij, the equal-time covariance over P trajectories of length L",
        "simulate.principal_components simulate.PrincipalComponents", "",
        "test_principal_components_are_singular_vectors test_both_paths_agree",
    ),
    Equation(
        "[HH] 13", "x = ⟨x⟩ + Σ v_i φ_i, φ_i the eigenvectors of C",
        "simulate.principal_components simulate.PrincipalComponents", "",
        "test_principal_components_are_singular_vectors test_principal_components_of_a_run",
    ),
    Equation(
        "[HH] 14", "J in blocks: columns of excitatory, then of inhibitory neurons",
        "simulate.couplings.dale", "", "test_dale_columns_are_of_two_kinds",
    ),
    Equation(
        "[HH] 15", "J = S∘(AD + M)",
        "simulate.couplings.dale", "dale.moments", "test_dale_entries test_dale_in_either_storage",
    ),
    Equation(
        "[HH] 16", "D = diag(σ̃_e, …, σ̃_i, …): standard deviations",
        "simulate.couplings.dale", "dale.moments", "test_dale_entries",
    ),
    Equation(
        "[HH] 17", "M = uvᵀ, u = 1, v = (μ̃_e, …, μ̃_i, …)",
        "simulate.couplings.dale", "dale.moments dale.mean_matrix", "test_dale_entries",
    ),
    Equation(
        "[HH] 18", "E[J] = α[fμ̃_e + (1−f)μ̃_i], and the outlying eigenvalues",
        "simulate.couplings.dale_mean simulate.couplings.dale_outlier",
        "dale.mean_matrix dale.outliers",
        "test_dale_formulas test_dale_outlier_of_networks test_dale_pair_of_networks",
    ),
    Equation(
        "[HH] below 18", "ℛ² = N[fσ_se² + (1−f)σ_si²], σ_sl² = α(1−α)μ̃_l² + ασ̃_l²",
        "simulate.couplings.dale_radius", "dale.radius dale.printed_sets",
        "test_dale_formulas test_dale_disc test_printed_sets_of_dale_networks",
    ),
    Equation(
        "[HH] 19", "m(τ) = 1 − min |ẑ − z|²/|z|²",
        "simulate.memory_curve simulate.memory_function simulate.MemoryCurve",
        "readout.memory readout.ridge",
        "test_held_out_score_sees_what_the_fitted_one_does_not "
        "test_delay_line_remembers_its_length",
    ),
    Equation(
        "[HH] 20", "W* = (XᵀX)⁻¹Xᵀz; below 20: with α added to XᵀX",
        "simulate.memory_curve simulate.memory_function",
        "readout.optimum readout.projection",
        "test_ridge_is_the_stated_system",
    ),
    Equation(
        "[HH] 21", "m(τ) = zᵀX(XᵀX)⁻¹Xᵀz/|z|²",
        'simulate.memory_curve(formula="printed") simulate.memory_function(formula="printed") '
        "simulate.MemoryCurve simulate.SingularCovarianceWarning",
        "readout.memory readout.ridge",
        "test_printed_formula_on_regular_data test_gradient_flow_has_a_singular_covariance",
    ),
    Equation(
        "[HH] Algorithm 1", "largest Lyapunov exponent of two orbits at distance δ",
        'simulate.maximal_lyapunov(algorithm="orbit_separation")', "",
        "test_both_algorithms_agree test_two_algorithms_on_a_network_with_symmetry",
    ),
    Equation(
        "[QH] quasi-potential", "P(x) ∝ exp(−βE): the stationary law of Langevin dynamics",
        "simulate.sample_boltzmann meanfield.saddle_point",
        "langevin.linear_network langevin.lyapunov",
        "test_two_neurons test_several_temperatures_in_one_run",
    ),
    Equation(
        "[QH] couplings", "⟨J_ij²⟩ = g²/N, ⟨J_ijJ_ji⟩ = γg²/N",
        "simulate.couplings.elliptic simulate.couplings.lazy meanfield.GaussianOperator",
        "sampler.couplings couplings.pair_average",
        "test_elliptic_covariances test_law_after_adaptive_requests",
    ),
    Equation(
        "[QH] order parameters", "saddle-point equations of q, Q, r, R, X_d, P",
        "meanfield.replica_map meanfield.saddle_point",
        "free_entropy.q free_entropy.Q free_entropy.r free_entropy.R free_entropy.X_d "
        "free_entropy.P free_entropy.price",
        "test_solution_is_a_fixed_point_of_the_map test_equations_and_replicon_by_an_own_sum "
        "test_ordered_against_prototype",
    ),
    Equation(
        "[QH] transition", "x = 0 is left at g(1+γ) = 1, where the response peaks",
        "meanfield.critical_gain meanfield.saddle_point(branch='static')",
        "elliptic.edge onset.null_boundary onset.response_peak",
        "test_lines test_response_peaks_on_the_line test_response_is_one_plus_gamma_on_the_line",
    ),
    Equation(
        "[QH] fluctuation–response", "σ_xφ = G(v + g²γ(q−Q)), at T = 0 g²(1+γ)(q−Q)(r−R)",
        "meanfield.saddle_point meanfield.SaddlePoint",
        "identities.fluctuation_response identities.response",
        "test_fluctuation_response_identity test_identity_holds_on_both_branches",
    ),
    Equation(
        "[QH] response of the dynamics", "C and R_int of the dynamical mean-field theory",
        "meanfield.steady_state meanfield.response_curve",
        "novikov.spectra fixed_point_phase.integral",
        "test_reference_numbers test_closed_forms test_response_agrees",
    ),
)  # fmt: skip

REPLICA = (
    Equation(
        "average over J", "from exp(−βE) to one site and the order parameters Q_ab, S_ab, X_ab",
        "meanfield.saddle_point",
        "couplings.gaussian_route couplings.pair_average couplings.order_parameters "
        "couplings.single_site",
        "test_paramagnetic_branch_extrapolated test_ordered_branch_extrapolated",
    ),
    Equation(
        "replica symmetry", "n → 0 with fields z, w of covariance g²[[Q, γR], [γR, P]]",
        "meanfield.replica_map meanfield.saddle_point(branch='ordered')",
        "symmetric.inverse symmetric.determinant symmetric.prefactor symmetric.two_fields "
        "symmetric.site_weight symmetric.replica_limit symmetric.linear_consistency",
        "test_equations_and_replicon_by_an_own_sum test_map_refuses_fields_without_a_covariance",
    ),
    Equation(
        "free entropy ψ", "stationary in all order parameters",
        "meanfield.saddle_point meanfield.SaddlePoint",
        "free_entropy.price free_entropy.q free_entropy.Q free_entropy.r free_entropy.R "
        "free_entropy.X_d free_entropy.P",
        "test_free_entropy_is_stationary test_stationarity_of_the_free_entropy "
        "test_formal_derivatives_match_quadrature",
    ),
    Equation(
        "energy", "e = (1 − X_d/β)/(2β) + ½ηE⟨x²⟩ = −dψ/dβ + 1/(2β)",
        "meanfield.saddle_point meanfield.SaddlePoint", "free_entropy.energy",
        "test_free_entropy_slope",
    ),
    Equation(
        "paramagnetic branch", "Q = R = P = 0: equations of q, r, X, also scaled by √v",
        "meanfield.saddle_point(branch='paramagnetic')",
        "free_entropy.paramagnetic identities.scaled_equations identities.stretch",
        "test_solution_holds_in_the_general_map test_paramagnetic_against_mpmath "
        "test_residual_sees_every_equation",
    ),
    Equation(
        "γ = 0", "X = 0, e = 1/(2β), x Gaussian",
        "meanfield.saddle_point(gamma=0)",
        "identities.independent_couplings identities.independent_unique",
        "test_zero_symmetry_is_elementary test_static_and_paramagnetic_agree_at_zero_symmetry",
    ),
    Equation(
        "elliptic law", "resolvent G of J at 1, in and outside of the spectrum",
        "meanfield.null_response meanfield.critical_gain",
        "elliptic.self_energy elliptic.outside elliptic.inside elliptic.edge",
        "test_null_response_solves_the_resolvent_equation "
        "test_null_response_is_continuous_and_equals_one_over_g_on_the_line "
        "test_null_response_and_fluctuation_of_networks",
    ),
    Equation(
        "χ in the null phase", "χ = G²/(1 − g²G²), ⟨1/s²⟩ of the singular values of 1 − J",
        "meanfield.null_fluctuation", "elliptic.singular_values regimes.one_response",
        "test_regime_one_fluctuation test_null_response_and_fluctuation_of_networks",
    ),
    Equation(
        "regime I", "g(1+γ) < 1: q ∝ T, G, X",
        "meanfield.saddle_point(branch='paramagnetic') meanfield.null_response "
        "meanfield.null_margin",
        "regimes.linearised regimes.one_response regimes.one_margin",
        "test_margin_has_no_cancellation test_margin_matches "
        "test_limits_of_infinite_beta_are_reached",
    ),
    Equation(
        "regime II", "1/(1+γ) < g < 1/√(1+γ), γ > 0: q ∝ √T",
        "meanfield.square_root_amplitude meanfield.saddle_point(branch='paramagnetic')",
        "regimes.two_values regimes.two_square_root",
        "test_regime_two_square_root_law test_square_root_law_matches "
        "test_regime_two_is_exact_at_infinite_beta",
    ),
    Equation(
        "between the lines", "the regime-II formulas for both signs of γ; unstable for γ < 0",
        "meanfield.saddle_point(branch='paramagnetic')",
        "regimes.intermediate_branch stability.intermediate_branch",
        "test_two_sheets_and_their_stability test_neighbourhood_of_the_lines",
    ),
    Equation(
        "on the line", "g(1+γ) = 1, γ > 0: q ∝ T^(2/3)",
        "meanfield.saddle_point(branch='paramagnetic')", "regimes.line",
        "test_power_law_on_the_critical_line test_two_thirds_law_on_the_line",
    ),
    Equation(
        "ψ at T = 0", "its values in regimes I and II and on the static branch",
        "meanfield.saddle_point", "regimes.free_entropy laplace.free_entropy",
        "test_limits_of_infinite_beta_are_reached test_observables_against_laplace_by_integration",
    ),
    Equation(
        "onset of the measure", "T = 0, γ ≥ 0: x = 0 is left at g²(1+γ) = 1",
        "meanfield.measure_transition_gain meanfield.saddle_point(branch='paramagnetic')",
        "measure.onset", "test_measure_onset test_lines",
    ),
    Equation(
        "linear network", "any T and η: an equation for T/v",
        "meanfield.linear_temperature_ratio", "regimes.linear_network elliptic.confinement",
        "test_linear_ratio_solves_its_equation test_linear_network_is_solved_exactly "
        "test_linear_network_with_confinement test_confined_linear_network",
    ),
    Equation(
        "static branch: Q, G, χ", "Laplace's method around one state x* = z + kφ(x*)",
        "meanfield.saddle_point(branch='static')",
        "laplace.change_of_variable laplace.fluctuations",
        "test_static_against_mpmath test_peaked_response_needs_the_rule_in_x",
    ),
    Equation(
        "static branch: R, P, ΔX", "the next order, a linear system",
        "meanfield.saddle_point(branch='static')",
        "laplace.tree_level laplace.log_slope laplace.third_derivative laplace.linear_system",
        "test_observables_against_laplace_by_integration test_static_against_mpmath",
    ),
    Equation(
        "static branch: βσ_xφ", "G[1 + g²(1+γ)χ]",
        "meanfield.saddle_point(branch='static')", "laplace.fluctuation_response",
        "test_static_fluctuation_response_identity",
    ),
    Equation(
        "[QH] zero temperature", "q, χ, Q̂, χ̂, r̃, ξ, κ, Γ: the static branch where the energy is 0",
        "meanfield.saddle_point(branch='static')",
        "zero_temperature.dictionary zero_temperature.exponent zero_temperature.covariance "
        "zero_temperature.equations zero_temperature.static",
        "test_static_branch_solves_the_equations_of_zero_temperature "
        "test_exact_values_beside_the_plotted_ones",
    ),
    Equation(
        "static onset", "Q ≈ g(1+γ) − 1, the values at Q = 0",
        "meanfield.saddle_point(branch='static')",
        "onset.null_boundary onset.amplitude onset.null_stretch",
        "test_onset_is_linear test_static_onset "
        "test_null_stretch_matches_the_solver_at_small_temperature",
    ),
    Equation(
        "stability of the static branch", "g²K ≥ 1 wherever Q > 0; eigenvalues g²K, γg²K, g²K",
        "meanfield.saddle_point(branch='static')", "onset.instability onset.replicon",
        "test_static_branch_is_unstable_wherever_it_has_left_zero test_line_itself_is_marginal",
    ),
    Equation(
        "stability against Q, R, P", "the linearised map and its largest eigenvalue",
        "meanfield.saddle_point meanfield.spin_glass_beta",
        "stability.linear_response stability.covariance_map stability.positive_cone "
        "stability.regime_one stability.regime_two",
        "test_spin_glass_beta_against_prototype "
        "test_it_leaves_the_paramagnetic_branch_at_the_spin_glass_beta",
    ),
)  # fmt: skip

COMPLEXITY = (
    Equation(
        "log-determinant of A", "L of −1 + JD from the resolvent, with r and y; elliptic at x = 0",
        "meanfield.complexity",
        "complexity.resolvent complexity.log_determinant complexity.elliptic",
        "test_solver_obeys_the_derived_equations test_null_state_is_the_elliptic_law",
    ),
    Equation(
        "spectrum of A at a fixed point", "boundary, density, share of unstable directions",
        "meanfield.complexity",
        "complexity.inside complexity.outside complexity.density complexity.index complexity.disc",
        "test_index_of_a_disc test_spectrum_near_the_onset",
    ),
    Equation(
        "Σ_s", "Kac–Rice formula, stationary in q, ρ, q̂, r, y; also scaled by √v",
        "meanfield.complexity",
        "complexity.kac_rice complexity.stationary complexity.scaled",
        "test_solver_obeys_the_derived_equations",
    ),
    Equation(
        "Σ_0", "the paramagnetic branch at β = ∞; 0 for γ = 0",
        "meanfield.complexity(weight=0) meanfield.saddle_point(branch='paramagnetic')",
        "complexity.measure complexity.independent",
        "test_weight_zero_is_the_measure",
    ),
    Equation(
        "onset of the fixed points", "g(1+γ) = 1 + ε: Σ₁, q, edge and index in powers of ε",
        "meanfield.complexity",
        "complexity.null complexity.reduced complexity.onset complexity.onset_second "
        "complexity.onset_spectrum",
        "test_onset_of_the_fixed_points test_spectrum_near_the_onset",
    ),
    Equation(
        "onset at weight s < 1", "g²(1+γ) = 1, or a jump between the lines",
        "meanfield.complexity(weight=s)", "complexity.family complexity.jump",
        "test_onset_at_lower_weight test_jump_at_weights_near_one",
    ),
)  # fmt: skip

NETWORKS = (
    Equation(
        "symmetries", "F and E under x → −x and permutations of neurons",
        "simulate.force simulate.kinetic_energy", "gradient.parity gradient.permutation",
        "test_symmetries test_permuted_neurons test_mirror_starts_end_at_one_point",
    ),
    Equation(
        "stationary points of E", "∇E = Aᵀf = 0 with f ≠ 0 needs det A = 0",
        "simulate.find_fixed_points simulate.FixedPoints simulate.StationaryPoints",
        "gradient.stationary_points jacobian.slow_points",
        "test_minima_that_are_no_zeros test_every_listed_point_is_what_it_claims",
    ),
    Equation(
        "Hessian", "−∂F/∂x = Hess E at κ = 1; not symmetric at other κ",
        "simulate.jacobian(onsager=1)", "jacobian.hessian jacobian.asymmetry",
        "test_symmetries test_spectra_are_minus_the_hessian",
    ),
    Equation(
        "stiffness", "top of the spectrum of Hess E, at x = 0 in closed form",
        "simulate.stiffness",
        "stiffness.null_state stiffness.cubic stiffness.edges stiffness.outermost",
        "test_stiffness_of_the_null_state test_stiffness_is_the_largest_eigenvalue "
        "test_edges_of_the_spectrum",
    ),
    Equation(
        "schemes", "orders and real stability intervals",
        "simulate.integrate(method='heun') simulate.integrate(method='rk4')",
        "schemes.orders schemes.real_intervals",
        "test_order_of_convergence test_stability_limit test_real_intervals_of_the_polynomials",
    ),
    Equation(
        "exponential Adams–Bashforth", "weights, order, stability",
        "simulate.integrate(method='exponential') meanfield.two_time",
        "schemes.exponential_weights schemes.exponential_order schemes.multistep_intervals",
        "test_order_of_convergence test_exponential_adams_bashforth_is_of_second_order "
        "test_wrong_weights_are_found",
    ),
    Equation(
        "Runge–Kutta–Chebyshev", "order, recursion and interval of the stabilised scheme",
        "simulate.integrate(method='chebyshev')",
        "schemes.rkc_order schemes.rkc_recursion schemes.rkc_interval",
        "test_stabilised_scheme_against_an_implicit_one test_real_intervals_of_the_polynomials",
    ),
    Equation(
        "invariant measure of schemes", "bias of Euler, Heun, Leimkuhler–Matthews",
        "simulate.integrate(method='leimkuhler-matthews') simulate.integrate(method='heun')",
        "langevin.euler langevin.leimkuhler_matthews langevin.heun langevin.order_of_bias",
        "test_invariant_variance test_leimkuhler_matthews_is_exact_for_a_harmonic_energy "
        "test_heun_and_euler_covariances_of_the_recursions",
    ),
)  # fmt: skip

DYNAMICAL = (
    Equation(
        "cavity", "from the network to one site: fields and four memory terms",
        "meanfield.two_time meanfield.SiteModel",
        "cavity.expansion site.memory site.fields site.self_averaging",
        "test_single_site_equations_of_a_linear_network test_equal_time_overlaps_of_a_random_state "
        "test_prototypes_of_the_regulated_dynamics",
    ),
    Equation(
        "responses", "their jumps and instantaneous parts",
        "meanfield.two_time(response=True)",
        "responses.instantaneous responses.jumps responses.vanilla",
        "test_responses_from_correlations_by_quadrature test_kicked_networks",
    ),
    Equation(
        "Novikov sums", "memory and R_int without a response matrix",
        "meanfield.two_time meanfield.steady_state",
        "novikov.by_parts novikov.causal novikov.whitened novikov.memory",
        "test_responses_from_correlations_by_quadrature test_two_estimates_agree",
    ),
    Equation(
        "R_int from spectra", "S_φh(0)/[g²(1+γ)S_φ(0)]",
        "meanfield.steady_state", "novikov.spectra",
        "test_reference_numbers test_integral_of_the_response_at_rest",
    ),
    Equation(
        "causal sampler", "a Gaussian matrix revealed as it is asked",
        "meanfield.GaussianOperator simulate.couplings.lazy",
        "sampler.couplings sampler.answers sampler.one_basis sampler.innovations sampler.memory",
        "test_every_answer_is_of_one_matrix test_law_after_adaptive_requests "
        "test_batch_is_a_network",
    ),
    Equation(
        "stationary state, γ = 0", "Δ'' = Δ − g²C_φ, its energy integral",
        "meanfield.stationary",
        "stationary.equation stationary.mehler stationary.price stationary.energy",
        "test_reference test_noise_reference "
        "test_stationary_state_obeys_the_derived_relations",
    ),
    Equation(
        "kinetic energy of chaos", "½⟨f²⟩ = (g²q − Δ₀ + σ²)/2, free of cancellation",
        "meanfield.stationary", "stationary.kinetic_energy trajectory.kinetic_energy",
        "test_stationary_state_obeys_the_derived_relations "
        "test_results_keep_their_digits_down_to_the_onset",
    ),
    Equation(
        "Δ(τ)", "τ as an integral over the well; rate of decay",
        "meanfield.stationary meanfield.Stationary",
        "trajectory.well trajectory.sech trajectory.decay",
        "test_erf_against_the_differential_equation "
        "test_stationary_state_obeys_the_derived_relations",
    ),
    Equation(
        "Lyapunov exponent, γ = 0", "λ = −1 + √(1 − E₀), its sign",
        "meanfield.stationary meanfield.maximal_lyapunov",
        "lyapunov.distance lyapunov.growth lyapunov.translation lyapunov.sign",
        "test_ground_state_and_its_sum_rule test_chaos_without_symmetry "
        "test_noisy_lyapunov_exponent_against_the_riccati_equation",
    ),
    Equation(
        "Lyapunov spectrum",
        "𝒢^vv = [b + Xᵀa⁻¹X]⁻¹, X = L − BD; a = η + g²⟨D𝒢^vvD⟩, b = η + g²D⟨𝒢^uu⟩D, "
        "B = γg²⟨D𝒢^vu⟩, F from ⟨𝒢^vu⟩",
        "meanfield.lyapunov_spectrum simulate.lyapunov_spectrum",
        "spectrum.window spectrum.flow spectrum.self_energy spectrum.planar spectrum.neuron "
        "spectrum.mirror spectrum.edge spectrum.rest",
        "test_identity_of_finite_networks test_at_rest_the_elliptic_law "
        "test_the_edge_is_the_maximal_exponent test_the_distribution",
    ),
    Equation(
        "onset of chaos", "Δ₀, shape, ⟨f²⟩ and λ in powers of g − 1",
        "meanfield.stationary",
        "chaos_onset.variance chaos_onset.shape chaos_onset.kinetic_energy chaos_onset.lyapunov",
        "test_onset_expansions test_lyapunov_exponent_near_the_onset",
    ),
    Equation(
        "effective temperature, γ = 0", "the measure with the q, or the energy, of the dynamics",
        "meanfield.effective_temperature",
        "temperature.response temperature.activity temperature.energy",
        "test_temperatures_of_the_paramagnetic_saddle_point "
        "test_the_measure_has_the_energy_of_the_dynamics",
    ),
    Equation(
        "response around x = 0", "R(t) = e^(−t)I₁(2at)/(at), a = g√γ, its integral G",
        "meanfield.steady_state meanfield.two_time",
        "fixed_point_phase.equation fixed_point_phase.powers fixed_point_phase.integral",
        "test_response_around_zero test_response_at_rest test_fixed_point_phase",
    ),
    Equation(
        "linear networks", "C(t,t') at any γ, from noise too",
        "meanfield.two_time(phi='linear') meanfield.stationary(phi='linear')",
        "fixed_point_phase.correlation fixed_point_phase.special fixed_point_phase.noise",
        "test_correlations_of_a_linear_network test_linear_networks test_linear_closed_form",
    ),
    Equation(
        "memory of a weak signal", "Σ and ⟨x(t)s(t − τ)⟩ of ẋ = Ax + Jψ + ξ + su, A = −1 + ⟨φ'⟩J",
        "simulate.small_signal_memory",
        "weak_signal.split weak_signal.modes weak_signal.recall weak_signal.present",
        "test_one_filter test_the_sum_over_eigenvectors "
        "test_without_noise_the_present_is_known_from_the_trace",
    ),
    Equation(
        "dimension of activity", "PR/N of φ and x from the mean square covariance of two neurons",
        "meanfield.participation_ratio simulate.participation_ratio",
        "dimension.averages dimension.closure dimension.activity dimension.states",
        "test_linear_matrices test_x_and_phi_of_a_network_with_slow_synapses "
        "test_limit_of_many_neurons test_published_values",
    ),
    Equation(
        "frozen activity", "μ, Δ_∞ and the energy condition with biases and a mean coupling, any φ",
        "meanfield.stationary meanfield.critical_gain",
        "frozen.equation frozen.energy frozen.kinetic_energy frozen.response",
        "test_moving_state_against_plain_quadrature test_static_state_against_plain_quadrature "
        "test_critical_gain_by_plain_quadrature",
    ),
    Equation(
        "several populations", "Δ_a'' = Δ_a − Σ n_b g_ab² C_b(Δ_b), μ_a = Σ n_b J_ab⟨φ⟩_b + b_a",
        "meanfield.Blocks meanfield.stationary simulate.couplings.blocks",
        "frozen.equation frozen.response",
        "test_equal_blocks_are_one_population test_the_equation_by_shooting "
        "test_networks_of_two_blocks_at_rest",
    ),
    Equation(
        "memory of several populations",
        "h_a: n_b γ_ab g_ab g_ba ∫R_φh φ + n_b g_ab² ∫R_φu f; "
        "u_a: n_b g_ba² ∫R_fh φ + n_b γ_ab g_ab g_ba ∫R_fu f, R of b",
        "meanfield.two_time meanfield.steady_state meanfield.maximal_lyapunov",
        "site.memory site.fields",
        "test_gains_on_gaussian_matrices test_responses_at_rest "
        "test_responses_of_the_regulated_linear_network",
    ),
    Equation(
        "common mode", "M = Σ v_jφ_j of couplings with column means, its feedback and outliers",
        "meanfield.common_mode simulate.couplings.column_means",
        "common_mode.feedback common_mode.solution common_mode.coefficients common_mode.pair",
        "test_linear_networks test_quadrature_over_frequencies test_column_means",
    ),
    Equation(
        "suppression of chaos", "Δ − Δ″ = g²C(τ), C = Σ b_kn² w_n ρ^k cos(nωτ), of a drive with "
        "random phases",
        "meanfield.driven_stationary meanfield.critical_amplitude",
        "driven.filter driven.correlation driven.linear driven.locked",
        "test_a_linear_network_in_closed_form test_two_time_functions_of_a_driven_neuron "
        "test_networks_of_random_phases",
    ),
    Equation(
        "noise in the sampler's scheme", "stationary variance without a term of order h",
        "meanfield.two_time meanfield.steady_state",
        "exponential.recursion exponential.stationary_variance exponential.network_noise "
        "exponential.principal_root",
        "test_variance_of_the_exponential_scheme "
        "test_covariance_of_a_network_in_the_exponential_scheme test_second_order",
    ),
)  # fmt: skip

SECTIONS = {
    "Equations of the two papers": PRINTED,
    "Replica theory": REPLICA,
    "Complexity of the fixed points": COMPLEXITY,
    "Networks and schemes": NETWORKS,
    "Dynamical mean-field theory": DYNAMICAL,
}
# What is put behind the command of a figure to draw it elsewhere.
ELSEWHERE = {
    "qh1": "--g 0.8,1.5 --gamma 0.2",
    "qh2": "--g 0.6,1.1 --n 40",
    "qh3": "--g 0.4:1.4:21 --gamma 0,0.3",
    "qh4": "--g 0.5,1 --gamma 0",
    "qh5": "--g 0.5,1 --gamma 0,0.5",
    "hh1": "--g 1.5,2.5 --n 200",
    "hh2": "--g 1,3,9 --n 200",
    "hh3": "--g 3,5 --n 500",
    "hh4": "--g 3,6 --n 500",
    "hh5": "--n 200",
    "hh6": "--n 500",
    "hh7": "--n 500 --trials 2",
    "hh8": "--n 200 --g 2",
    "hh9": "--g 3 --n 100 --tau 0,10,20 --trials 2",
}
