/* Stochastic growth with hours and a trend in technology's news, in levels.
   Equations: King, Plosser and Rebelo (1988, JME 21(2-3)), with log utility and news as in
   Beaudry and Portier (2004, JME 51(6)). Observables have no inflation of their own: a Fisher
   equation and a rule as in Taylor (1993) price it, prices being flexible. */
@#define NEWS = 3
@#define logs = ["y", "c", "i"]

var y ${Y}$ (long_name='output'), c ${C}$ (long_name='consumption'), i, k $K$ n w r
    z pi (long_name='inflation, gross') R (long_name='nominal interest rate, gross')
@#for v in logs
    log_@{v}
@#endfor
    ;
predetermined_variables k;
varexo e_z $\varepsilon$ (long_name='technology') e_n (long_name='technology, @{NEWS} quarters ahead')
       e_m (long_name='monetary policy');
parameters alpha (long_name='capital share') betta delta chi rho phi hours;

alpha = 0.33; % of Cobb-Douglas production
betta = 0.99; // quarterly
delta = 0.025;
rho = 0.9;
phi = 1.5;
hours = 1/3;

model;
  # discount = betta*c/c(+1);
  [name = 'Euler'] 1 = discount*(alpha*y(+1)/k(+1) + 1 - delta);
  [name = 'hours'] chi*n = w/c;
  y = exp(z)*k^alpha*n^(1-alpha);
  w = (1-alpha)*y/n;
  y = c + i;
  k(+1) = (1-delta)*k + i;
  1 = discount*r;
  [name = 'Fisher'] R = EXPECTATION(0)(pi(+1))*r;
  [name = 'Taylor rule'] R = STEADY_STATE(R)*(pi/STEADY_STATE(pi))^phi*exp(e_m);
  z = rho*z(-1) + e_z + e_n(-@{NEWS});
@#for v in logs
  log_@{v} = log(@{v});
@#endfor
end;

steady_state_model;
  z = 0;
  kn = (alpha/(1/betta - 1 + delta))^(1/(1-alpha));
  n = hours;
  k = kn*n;
  y = kn^alpha*n;
  i = delta*k;
  c = y - i;
  w = (1-alpha)*y/n;
  chi = w/(c*n);
  r = 1/betta;
  pi = 1.005;
  R = pi*r;
@#for v in logs
  log_@{v} = log(@{v});
@#endfor
end;

shocks;
  var e_z; stderr 0.007;
  var e_n = 0.004^2;
  var e_m; stderr 0.0025;
end;

steady; check;
stoch_simul(order = 1, irf = 41) y c i;
alpha = 0.5;
